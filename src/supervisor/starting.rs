//! Processes that the machine wants started, what the service says of itself, and requests on their way to listeners.

use std::io;
use std::path::Path;
use std::time::SystemTime;

use tokio::task::spawn_local;

use crate::accounts::{Account, Accounts};
use crate::listener::capture::Sink;
use crate::listener::forkable;
use crate::listener::pool::{Key, Purpose, Source};
use crate::listener::process::{Announcement, LISTENER, Listener, Start};
use crate::log;
use crate::names::{ActionName, UserName};
use crate::policy::FILE;
use crate::process::Pid;
use crate::queue::Need;
use crate::request::{Refusal, RefusalCode, Request};
use crate::rights::{self, Right};

use super::engine::{Engine, Incoming};
use super::event::Event;
use super::life::Setting;
use super::service::{self, PersonalityReport};

/// Whom a process has to become for this account: nobody, where it is our own and we cannot become anybody. Our uid,
/// where that is another and we cannot.
fn becoming(account: Account) -> Result<Option<Account>, u32> {
    let own = nix::unistd::geteuid().as_raw();
    if rights::has(Right::AnyUser) && rights::has(Right::AnyGroup) {
        return Ok(Some(account));
    }
    if account.uid == own { Ok(None) } else { Err(own) }
}

fn cannot_become(own: u32, user: &UserName) -> String {
    format!("uid {own} cannot become `{user}` without the capabilities SETGID and SETUID")
}

/// Whether an action can run as a user; what is said where it cannot. Of a user that there is not, its run says so.
pub(super) fn check_user(action: &ActionName, user: &UserName) -> Result<(), Refusal> {
    let Ok(Some(account)) = Accounts::system().find(user) else { return Ok(()) };
    let Err(own) = becoming(account) else { return Ok(()) };
    let message = format!(
        "`{action}` runs as who asks, by `run-as` in {FILE}, and here {}: start the service as root that has them, or take \
         `run-as` away",
        cannot_become(own, user)
    );
    Err(Refusal::new(RefusalCode::Policy, message))
}

/// What nobody else's processes carry.
pub(super) fn fresh_token() -> io::Result<String> {
    // Bash counts in 64 bits with a sign.
    Ok(format!("{:016x}", getrandom::u64().map_err(io::Error::other)? >> 1))
}

/// The text of a file that was sourced.
fn text_of(path: &Path) -> String {
    std::fs::read(path).map(|text| String::from_utf8_lossy(&text).into_owned()).unwrap_or_default()
}

/// Why it cannot be forked, where its text tells that.
fn unforkable(path: &Path, text: &str) -> Option<String> {
    let found = forkable::first_use(text)?;
    Some(format!("{}: {found}", path.file_name().unwrap_or_default().display()))
}

impl Engine {
    pub(super) fn start_service(&mut self) -> Event {
        match service::start(&self.settings) {
            Ok((pid, pipe)) => {
                match PersonalityReport::on(pipe) {
                    Ok(said) => self.said = Some(said),
                    Err(error) => log::warn(format_args!("cannot listen to entrypoint.sh: {error}")),
                }
                Event::ServiceStarted(pid)
            }
            Err(error) => {
                let (code, why) = service::not_started(&self.settings, &error);
                Event::ServiceNotStarted(code, why)
            }
        }
    }

    /// Takes what the personality has said by now, until it has said that the preparations are done.
    pub(super) fn hear(&mut self) {
        let Some(mut said) = self.said.take() else { return };
        let mut prepared = false;
        let settings = said.take();
        self.last_words.watch(said.take_log_files());
        for setting in settings {
            match setting {
                Ok(setting) => {
                    prepared |= setting == Setting::Prepared;
                    self.feed(Event::Set(setting));
                }
                Err(complaint) => log::warn(complaint),
            }
        }
        if !prepared && said.has_ended() && self.has_become_the_daemon() {
            self.feed(Event::Set(Setting::Prepared));
        }
        self.said = (!prepared && !said.has_ended()).then_some(said);
    }

    /// Whether the personality has executed the daemon itself, so that nobody says that it was prepared: the process bears
    /// another name then, which who only ends does not.
    fn has_become_the_daemon(&self) -> bool {
        let pid = self.machine.service_pid().unwrap_or_default();
        std::fs::read(format!("/proc/{pid}/comm")).is_ok_and(|name| name != b"entrypoint.sh\n")
    }

    pub(super) fn start_listener(&mut self, key: Key, purpose: &Purpose, source: Source) -> Event {
        match self.try_listener(key, purpose, source) {
            Ok((pid, token)) => Event::ListenerStarted(key, pid, token),
            Err(error) => Event::ListenerNotStarted(key, format!("the listener cannot be started: {error}")),
        }
    }

    pub(super) fn try_listener(
        &mut self,
        key: Key,
        purpose: &Purpose,
        source: Source,
    ) -> io::Result<(Pid, String)> {
        let account = match purpose {
            Purpose::Request(Need::User(user)) => {
                let account = Accounts::system().find(user)?;
                let account =
                    account.ok_or_else(|| io::Error::other(format!("there is no user `{user}` here")))?;
                becoming(account).map_err(|own| io::Error::other(cannot_become(own, user)))?
            }
            Purpose::Request(Need::Own) | Purpose::Forking | Purpose::Health => None,
        };
        let token = fresh_token()?;
        let sink = match purpose {
            Purpose::Health => Sink::Kept,
            Purpose::Request(_) | Purpose::Forking => self.logged(),
        };
        let callbacks = self.files.callbacks(source);
        let start = Start {
            callbacks: &callbacks.own,
            added: &callbacks.added,
            service: self.machine.service_pid(),
            account: account.as_ref(),
            token: &token,
            sink,
            forks: *purpose == Purpose::Forking,
        };
        let began = SystemTime::now();
        let (listener, mut announcements) = Listener::start(&self.settings, start)?;
        let (pid, inbox) = (listener.pid, self.inbox.clone());
        let capture = listener.capture.clone();
        spawn_local(capture.clone().pump());
        spawn_local(async move {
            // A listener that ended before it was ready is told by its end.
            let Ok(Some(announcement)) = announcements.of_callbacks().await else { return };
            capture.set_ready();
            let _ = inbox.send(Incoming::Announced(key, announcement, began));
            while let Ok(Some(pids)) = announcements.of_forks().await {
                let _ = inbox.send(Incoming::Forked(key, pids));
            }
        });
        self.listeners.insert(key, listener);
        Ok((pid, token))
    }

    /// A listener has read the callbacks.
    pub(super) fn announced(&mut self, key: Key, announcement: Announcement, began: SystemTime) {
        self.forget_given_up();
        let Announcement { callbacks, sources, alone } = announcement;
        let alone = alone.map(|what| format!("the callbacks {what}"));
        // What the listener itself uses, it uses in order to fork.
        let listener = self.settings.folders.sbin.join(LISTENER);
        let texts = sources.iter().filter(|path| **path != listener);
        let texts: Vec<_> = texts.map(|path| (path, text_of(path))).collect();
        let unforkable = alone.or_else(|| texts.iter().find_map(|(path, text)| unforkable(path, text)));
        if let Some(listener) = self.listeners.get_mut(&key) {
            listener.forks_singly = texts.iter().any(|(_, text)| forkable::uses_last_job(text));
        }
        drop(texts);
        if !sources.is_empty() {
            self.files.watch_sources(sources, began);
        }
        self.feed(Event::ListenerReady(key, callbacks, unforkable));
    }

    /// What becomes of the output of those who carry requests out.
    pub(super) fn logged(&self) -> Sink {
        let followers = self.followers.clone();
        Sink::Logged(Box::new(move |id, line| followers.borrow_mut().output(id, line)))
    }

    pub(super) fn hand(&mut self, key: Key, request: &Request) -> Event {
        let Some(listener) = self.listeners.get_mut(&key) else { return Event::NotHanded(key) };
        listener.capture.set_request(request);
        match listener.hand(request) {
            Ok(()) => Event::Handed(key),
            Err(error) => {
                log::warn(format_args!("the listener that waited is gone ({error}): the next one is used"));
                Event::NotHanded(key)
            }
        }
    }
}
