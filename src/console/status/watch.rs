//! `lamplighter status --watch`: the stack on the whole terminal ([`screen`]), or for programs the report again, whenever something
//! happens.
//!
//! Services tell what becomes of requests as it happens, and are asked how they are then. What they do not tell
//! of (that one has gone, that another has come, how its health is) is asked for now and then.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::spawn_local;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::asking::{Heard, ask, ask_all};
use super::report::Report;
use super::screen::{self, Output, Screen, Wish};
use super::{asked_for, doing, json};
use crate::console::error::CommandError;
use crate::console::frame::Frame;
use crate::console::interrupts::{Interrupt, Interrupts, pause};
use crate::console::keyboard::Keyboard;
use crate::console::look::{Form, Look, is_terminal};
use crate::console::stack::{SCHEDULER, Stack};
use crate::console::table::Tone;
use crate::console::telling::{Place, Update, tell};
use crate::console::{ages, say};
use crate::names::ServiceName;
use crate::socket::client::{ClientError, Conversation};
use crate::wire::{Call, Event, Occurrence, Status};

/// How often ages are drawn anew.
const TICK: Duration = Duration::from_secs(1);
/// How often all are asked, told of something or not.
const ROUND: Duration = Duration::from_secs(5);
/// How long to wait before a service is followed again that hung up.
const AGAIN: Duration = Duration::from_secs(1);
/// How long it may take to begin to follow.
const PATIENCE: Duration = Duration::from_secs(2);
/// News that may wait: more than these say nothing new.
const NEWS: usize = 256;

/// Something new.
enum News {
    /// Something happened at a service.
    Happened(ServiceName),
    /// A service has said how it is.
    Heard(Box<Heard>),
    /// What was asked for is done, or not.
    Done((String, Tone)),
}

/// Shows the report until `q`, Ctrl-C, or a reader that has gone.
pub(super) async fn run(
    form: Form,
    stack: &Stack,
    wanted: Option<&ServiceName>,
    look: Look,
) -> Result<u8, CommandError> {
    if !form.json && !is_terminal() {
        let message = "--watch needs a terminal; with --json it prints a line whenever something happens";
        return Err(CommandError::Usage(message.to_owned()));
    }
    let interrupts = Interrupts::open()?;
    let (news, mut incoming) = channel(NEWS);
    let mut watch = Watch::new(stack, wanted, look, news);
    watch.round().await?;
    let keyboard = if form.json { None } else { Keyboard::open().ok().flatten() };
    let mut frame = (!form.json).then(Frame::enter);
    let (mut tick, mut round) = (interval(TICK), interval(ROUND));
    for timer in [&mut tick, &mut round] {
        timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        timer.tick().await;
    }
    while watch.draw(frame.as_mut())? {
        tokio::select! {
            interrupt = interrupts.next() => match interrupt {
                Interrupt::End(_) => break,
                Interrupt::Pause => {
                    if let Some(keyboard) = &keyboard { keyboard.give_back(); }
                    if let Some(frame) = &mut frame { frame.leave(); }
                    pause();
                    // Before anything is drawn: what is told by the signal comes later.
                    take_again(keyboard.as_ref(), frame.as_mut());
                }
                Interrupt::Redraw => take_again(keyboard.as_ref(), frame.as_mut()),
            },
            typed = typed(keyboard.as_ref()) => match typed {
                Some(typed) => if watch.typed(&typed) { break },
                None => break,
            },
            Some(update) = told(&mut watch.followed_run) => watch.take_update(update),
            Some(first) = incoming.recv() => {
                watch.take(first);
                while let Ok(next) = incoming.try_recv() {
                    watch.take(next);
                }
                watch.ask();
            }
            _ = tick.tick() => watch.look_again(),
            _ = round.tick() => watch.round().await?,
        }
    }
    Ok(0)
}

fn take_again(keyboard: Option<&Keyboard>, frame: Option<&mut Frame>) {
    if let Some(keyboard) = keyboard {
        keyboard.take();
    }
    if let Some(frame) = frame {
        frame.again();
    }
}

async fn typed(keyboard: Option<&Keyboard>) -> Option<Vec<u8>> {
    match keyboard {
        Some(keyboard) => keyboard.typed().await,
        None => std::future::pending().await,
    }
}

/// What is told of the run that is followed; nothing once that is all.
async fn told(followed: &mut Option<(Output, Option<Receiver<Update>>)>) -> Option<Update> {
    let Some((_, updates)) = followed else { return std::future::pending().await };
    let Some(told) = updates else { return std::future::pending().await };
    let update = told.recv().await;
    if update.is_none() {
        *updates = None;
    }
    update
}

struct Watch<'a> {
    stack: &'a Stack,
    wanted: Option<&'a ServiceName>,
    look: Look,
    news: Sender<News>,
    heard: BTreeMap<ServiceName, Heard>,
    /// What the scheduler said last of what comes next.
    coming: Vec<Occurrence>,
    followed: BTreeSet<ServiceName>,
    /// Services at which something has happened since they were asked.
    stale: BTreeSet<ServiceName>,
    /// Services that are being asked.
    asking: BTreeSet<ServiceName>,
    screen: Screen,
    /// The run that is followed, and what is told of it.
    followed_run: Option<(Output, Option<Receiver<Update>>)>,
    printed: Option<serde_json::Value>,
}

impl<'a> Watch<'a> {
    fn new(stack: &'a Stack, wanted: Option<&'a ServiceName>, look: Look, news: Sender<News>) -> Self {
        Self {
            stack,
            wanted,
            look,
            news,
            heard: BTreeMap::new(),
            coming: Vec::new(),
            followed: BTreeSet::new(),
            stale: BTreeSet::new(),
            asking: BTreeSet::new(),
            screen: Screen::default(),
            followed_run: None,
            printed: None,
        }
    }

    /// Asks all services that there are now, and follows those that are new.
    async fn round(&mut self) -> Result<(), CommandError> {
        let services = asked_for(self.stack, self.wanted)?;
        self.heard.retain(|service, _| services.contains(service));
        for service in &services {
            if service.as_str() != SCHEDULER && self.followed.insert(service.clone()) {
                spawn_local(follow(self.stack.clone(), service.clone(), self.news.clone()));
            }
        }
        for heard in ask_all(self.stack, &services, false).await {
            self.keep(heard);
        }
        Ok(())
    }

    fn take(&mut self, news: News) {
        match news {
            News::Happened(service) => {
                self.stale.insert(service);
            }
            News::Done((said, tone)) => self.screen.say(said, tone),
            News::Heard(heard) => {
                self.asking.remove(&heard.service);
                self.keep(*heard);
            }
        }
    }

    /// Asks those at which something has happened, each by one question at a time.
    fn ask(&mut self) {
        let free: Vec<_> = self.stale.difference(&self.asking).cloned().collect();
        for service in free {
            self.stale.remove(&service);
            self.asking.insert(service.clone());
            let (stack, news) = (self.stack.clone(), self.news.clone());
            spawn_local(async move {
                // Nobody listens any more when the watch is over.
                let _ = news.send(News::Heard(Box::new(ask(stack, service, false).await))).await;
            });
        }
    }

    /// Asks those again that were about to be in another state: of that they do not tell.
    fn look_again(&mut self) {
        let passing = self.heard.values().filter(|heard| heard.said.as_ref().is_ok_and(Status::is_passing));
        self.stale.extend(passing.map(|heard| heard.service.clone()));
        self.ask();
    }

    fn keep(&mut self, mut heard: Heard) {
        if heard.service.as_str() == SCHEDULER {
            self.coming = std::mem::take(&mut heard.coming);
        }
        self.heard.insert(heard.service.clone(), heard);
    }

    /// Draws the report as it is now; false when nobody reads any more.
    fn draw(&mut self, frame: Option<&mut Frame>) -> Result<bool, CommandError> {
        self.look.measure();
        let heard: Vec<Heard> = std::mem::take(&mut self.heard).into_values().collect();
        let is_shown = |heard: &Heard| self.wanted.is_none_or(|wanted| heard.service == *wanted);
        let (shown, others): (Vec<Heard>, Vec<Heard>) = heard.into_iter().partition(is_shown);
        let report = Report::of(shown, None, self.coming.clone())?;
        let goes_on = match frame {
            None => self.print(&report),
            Some(frame) => self.show(&report, frame),
        };
        let kept = report.heard.into_iter().chain(others);
        self.heard = kept.map(|heard| (heard.service.clone(), heard)).collect();
        Ok(goes_on)
    }

    /// A line for each report that says something new.
    fn print(&mut self, report: &Report) -> bool {
        let object = json::show(report);
        if self.printed.as_ref() == Some(&object) {
            return true;
        }
        let printed = say(&object);
        self.printed = Some(object);
        printed
    }

    fn show(&mut self, report: &Report, frame: &mut Frame) -> bool {
        self.screen.take(report, self.look.now);
        if let Some(wish) = self.screen.to_follow() {
            self.follow_run(wish);
        }
        let clock = ages::time_of_day(self.look.now, &self.look.zone);
        let size = (self.look.width.unwrap_or(80), self.look.height.unwrap_or(24));
        let output = self.followed_run.as_ref().map(|(output, _)| output);
        frame.draw(&self.screen.draw(size, output, self.look.now, &clock))
    }

    /// Takes keys; true when they end it.
    fn typed(&mut self, typed: &[u8]) -> bool {
        for key in screen::read(typed) {
            let output = self.followed_run.as_ref().map(|(output, _)| output);
            match self.screen.press(key, output) {
                Some(Wish::Quit) => return true,
                Some(Wish::Unfollow) => self.followed_run = None,
                Some(wish @ Wish::Follow { .. }) => self.follow_run(wish),
                Some(wish) => {
                    let (stack, news) = (self.stack.clone(), self.news.clone());
                    spawn_local(async move {
                        let _ = news.send(News::Done(doing::done(stack, wish).await)).await;
                    });
                }
                None => {}
            }
        }
        false
    }

    fn follow_run(&mut self, wish: Wish) {
        let Wish::Follow { service, id, action } = wish else { return };
        if self.followed_run.as_ref().is_some_and(|(output, _)| output.is_of(&service, &id)) {
            return;
        }
        let place = Place { stack: self.stack.clone(), service, id };
        self.followed_run = Some((Output::new(place.clone(), action), Some(tell(place, None))));
    }

    fn take_update(&mut self, update: Update) {
        if let Some((output, updates)) = &mut self.followed_run {
            output.take(update);
            // A run that prints much is drawn as often as that can be shown.
            while let Some(Ok(next)) = updates.as_mut().map(Receiver::try_recv) {
                output.take(next);
            }
        }
    }
}

/// Tells when something happens at a service, for as long as anybody wants to know.
async fn follow(stack: Stack, service: ServiceName, news: Sender<News>) {
    let path = stack.socket(&service);
    while !news.is_closed() {
        let call = Call::Follow { id: None, past: false, output: false };
        if let Ok(mut conversation) = Conversation::open(&path, PATIENCE).await
            && conversation.send(&call, PATIENCE).await.is_ok()
        {
            loop {
                match conversation.next().await {
                    // What an older service tells of output is no news here.
                    Ok(Some(line)) if matches!(Event::read(&line), Event::Output { .. }) => {}
                    Ok(Some(_)) => {
                        if news.send(News::Happened(service.clone())).await.is_err() {
                            return;
                        }
                    }
                    // It does not tell everybody: what it is asked for now and then has to do.
                    Err(ClientError::Refused { .. }) => return,
                    Ok(None) | Err(_) => break,
                }
            }
            let _ = news.send(News::Happened(service.clone())).await;
        }
        sleep(AGAIN).await;
    }
}
