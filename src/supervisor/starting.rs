//! Processes that the machine wants started, what the service says of itself, and requests on their way to listeners.

use std::io;

use tokio::task::spawn_local;

use crate::accounts::{Account, Accounts};
use crate::listener::capture::Sink;
use crate::listener::pool::{Key, Purpose, Source};
use crate::listener::process::{self as listener_process, Listener, Start};
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
            Purpose::Request(Need::Own) | Purpose::Health => None,
        };
        let token = format!("{:016x}", getrandom::u64().map_err(io::Error::other)?);
        let followers = self.followers.clone();
        let sink = match purpose {
            Purpose::Health => Sink::Kept,
            Purpose::Request(_) => {
                Sink::Logged(Box::new(move |id, line| followers.borrow_mut().output(id, line)))
            }
        };
        let start = Start {
            callbacks: self.files.callbacks(source),
            service: self.machine.service_pid(),
            account: account.as_ref(),
            token: &token,
            sink,
        };
        let (listener, ready) = Listener::start(&self.settings, start)?;
        let (pid, inbox) = (listener.pid, self.inbox.clone());
        let capture = listener.capture.clone();
        spawn_local(capture.clone().pump());
        spawn_local(async move {
            // A listener that ended before it was ready is told by its end.
            if let Ok(Some(callbacks)) = listener_process::callbacks(ready).await {
                capture.set_ready();
                let _ = inbox.send(Incoming::Event(Event::ListenerReady(key, callbacks)));
            }
        });
        self.listeners.insert(key, listener);
        Ok((pid, token))
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
