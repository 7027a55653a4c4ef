//! Alarms as they run: services and the scheduler give events, and the notifier is run.

use std::collections::HashMap;
use std::ffi::OsString;
use std::rc::Rc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;

use super::decide::{Action, Alarms, Event, Wishes};
use super::follow::{Follower, Pace};
use super::memory::Memory;
use super::notifier::{NAME, Notifier};
use super::sockets::Watched;
use super::store::AlarmsFile;
use crate::log;
use crate::names::ServiceName;
use crate::settings::Settings;
use crate::wire::AlarmTotals;

/// The longest time between two signs of life, in minutes: a day.
const LONGEST_SIGN: i64 = 24 * 60;

/// So long a notifier may still run when the scheduler stops.
const LAST_WORDS: Duration = Duration::from_secs(2);

impl Wishes {
    /// Reads the variables with `get`; what cannot be understood is said and not wished for.
    pub(crate) fn from_env(get: impl Fn(&str) -> Option<OsString>) -> Self {
        let text =
            |name| get(name).map(|value| value.to_string_lossy().trim().to_owned()).unwrap_or_default();
        let all = match text("LAMPLIGHTER_NOTIFY_ALL").as_str() {
            "" | "0" => false,
            "1" => true,
            other => {
                log::error(format_args!(
                    "LAMPLIGHTER_NOTIFY_ALL is `{}`: it is 1 or 0",
                    other.escape_debug()
                ));
                false
            }
        };
        let minutes = text("LAMPLIGHTER_SIGN_OF_LIFE");
        let sign_of_life = match minutes.parse::<i64>() {
            Ok(minutes @ 1..=LONGEST_SIGN) => Some(minutes * 60),
            Ok(0) => None,
            Err(_) if minutes.is_empty() => None,
            _ => {
                let minutes = minutes.escape_debug();
                log::error(format_args!(
                    "LAMPLIGHTER_SIGN_OF_LIFE is `{minutes}`: it is 1 to {LONGEST_SIGN} minutes"
                ));
                None
            }
        };
        Self { all, sign_of_life }
    }
}

/// What tells of alarms, where there is a notifier; else nothing.
pub(crate) struct Teller(Option<Active>);

struct Active {
    alarms: Alarms,
    store: AlarmsFile,
    notifier: Notifier,
    settings: Settings,
    sockets: Watched,
    followed: HashMap<ServiceName, Rc<Notify>>,
    sender: UnboundedSender<Event>,
    events: UnboundedReceiver<Event>,
    /// Whether it was said that what is told cannot be remembered.
    is_forgetful: bool,
}

impl Teller {
    /// Looks for the notifier and begins to follow the services. Runs on a tokio `LocalSet`.
    pub(crate) fn open(settings: &Settings, wishes: Wishes, now: Timestamp) -> Self {
        let folders = &settings.folders;
        let Some(notifier) = Notifier::find(&folders.bin, &folders.run) else {
            log::info(format_args!(
                "there is no {}: nobody is told of alarms",
                folders.bin.join(NAME).display()
            ));
            return Self(None);
        };
        let store = AlarmsFile::new(&folders.state);
        let memory = store.load().unwrap_or_else(|error| {
            let path = store.path().display();
            log::error(format_args!("cannot read {path}: {error}; alarms begin anew"));
            None
        });
        let memory = memory.unwrap_or_else(|| Memory::new(now));
        let (sender, events) = unbounded_channel();
        let mut active = Active {
            alarms: Alarms::new(memory, wishes),
            store,
            notifier,
            settings: settings.clone(),
            sockets: Watched::open(&folders.run),
            followed: HashMap::new(),
            sender,
            events,
            is_forgetful: false,
        };
        active.save();
        let services = active.sockets.now();
        active.follow(services);
        Self(Some(active))
    }

    /// When something is to be done next, should nothing happen before.
    pub(crate) fn wake_at(&self) -> Option<i64> {
        self.0.as_ref()?.alarms.wake_at()
    }

    /// What became of the alarms so far, where there is a notifier.
    pub(crate) fn totals(&self) -> Option<AlarmTotals> {
        self.0.as_ref().map(|active| active.alarms.totals())
    }

    /// Waits until something is to be told, or not; for ever where nobody is told.
    pub(crate) async fn next(&mut self) -> Event {
        let Some(active) = &mut self.0 else { return std::future::pending().await };
        loop {
            let services = tokio::select! {
                Some(event) = active.events.recv() => return event,
                services = active.sockets.appeared(&active.settings.folders.run) => services,
            };
            active.follow(services);
        }
    }

    /// Lets a notifier that runs come to its end, or it would be run for the same message again; not for long.
    pub(crate) async fn stop(&mut self, now: i64) {
        let Some(active) = &mut self.0 else { return };
        let told = async {
            while active.alarms.stop() {
                let Some(event) = active.events.recv().await else { return };
                for action in active.alarms.handle(now, event) {
                    active.perform(action);
                }
            }
        };
        let _ = timeout(LAST_WORDS, told).await;
    }

    /// Writes what could not be written before, now that the disk takes it.
    pub(crate) fn remember(&mut self) {
        if let Some(active) = self.0.as_mut().filter(|active| active.is_forgetful) {
            active.save();
        }
    }

    /// Takes in an event.
    pub(crate) fn handle(&mut self, now: i64, event: Event) {
        let Some(active) = &mut self.0 else { return };
        for action in active.alarms.handle(now, event) {
            active.perform(action);
        }
    }
}

impl Active {
    fn perform(&mut self, action: Action) {
        match action {
            Action::Save => self.save(),
            Action::Complain(text) => log::error(text),
            Action::Run(message) => {
                let (notifier, sender) = (self.notifier.clone(), self.sender.clone());
                tokio::task::spawn_local(async move {
                    let _ = sender.send(Event::Told(notifier.tell(message).await));
                });
            }
        }
    }

    /// Without its memory it goes on: an alarm that is told twice is better than one that nobody hears.
    fn save(&mut self) {
        let saved = self.store.save(&self.alarms.memory());
        if let Err(error) = &saved
            && !self.is_forgetful
        {
            let path = self.store.path().display();
            log::error(format_args!(
                "cannot write {path}: {error}; after a restart alarms may be told again"
            ));
        }
        self.is_forgetful = saved.is_err();
    }

    /// Follows services that have a socket now; those that are followed look for it at once.
    fn follow(&mut self, services: Vec<ServiceName>) {
        for service in services {
            if service == self.settings.service {
                continue;
            }
            if let Some(appeared) = self.followed.get(&service) {
                appeared.notify_one();
                continue;
            }
            let appeared = Rc::new(Notify::new());
            self.followed.insert(service.clone(), appeared.clone());
            let (run, events) = (self.settings.folders.run.clone(), self.sender.clone());
            let follower = Follower { service, run, events, appeared, pace: Pace::default() };
            tokio::task::spawn_local(follower.run());
        }
    }
}
