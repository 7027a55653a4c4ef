//! The service's life and the stop: when to signal whom, how long to wait, and with what to leave. Pure.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::process::{Pid, Status};
use crate::signals::{self, Number};

/// The supervisor's own fault, as an exit status.
pub const OWN_FAULT: u8 = 125;
/// `STOP_TIMEOUT` of a personality that does not say.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(8);
/// What KILL has not ended after this long is not going to end.
const GIVE_UP: Duration = Duration::from_secs(2);
const TERM: Number = 15;

/// What the personality says about its service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// The signal that asks the service to stop.
    StopSignal(Number),
    /// How long it has for that.
    StopTimeout(Duration),
    /// There is no daemon, only callbacks.
    CallbacksOnly,
    /// The preparations are done; the daemon itself starts now.
    Prepared,
}

/// How far the service has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Not started yet.
    Unstarted,
    /// `entrypoint.sh` prepares it.
    Starting(Pid),
    /// The daemon runs.
    Running(Pid),
    /// It has ended.
    Ended(Status),
    /// There is none: a service of callbacks only.
    Absent,
}

/// The service, and the stop once it has begun.
#[derive(Debug)]
pub struct Life {
    /// The service.
    pub service: Service,
    stop_signal: Number,
    stop_timeout: Duration,
    callbacks_only: bool,
    stop: Option<Stop>,
}

/// A stop in progress.
#[derive(Debug)]
struct Stop {
    why: String,
    began: Instant,
    kill_at: Option<Instant>,
    give_up_at: Option<Instant>,
    killed: Vec<String>,
}

/// What a passed deadline asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum StopStep {
    /// KILL whatever is left.
    Kill,
    /// What is left cannot be ended: leave it.
    GiveUp,
}

impl Default for Life {
    fn default() -> Self {
        Self {
            service: Service::Unstarted,
            stop_signal: TERM,
            stop_timeout: STOP_TIMEOUT,
            callbacks_only: false,
            stop: None,
        }
    }
}

impl Life {
    /// Takes what the personality says.
    pub fn set(&mut self, setting: Setting) {
        match setting {
            Setting::StopSignal(signal) => self.stop_signal = signal,
            Setting::StopTimeout(timeout) => self.stop_timeout = timeout,
            Setting::CallbacksOnly => self.callbacks_only = true,
            Setting::Prepared => {
                if let Service::Starting(pid) = self.service {
                    self.service = Service::Running(pid);
                }
            }
        }
    }

    /// Whether there is no daemon, only callbacks.
    pub fn is_callbacks_only(&self) -> bool {
        self.callbacks_only
    }

    /// The service's process, while it lives.
    pub fn pid(&self) -> Option<Pid> {
        match self.service {
            Service::Starting(pid) | Service::Running(pid) => Some(pid),
            _ => None,
        }
    }

    /// The service's process has ended. True when that is the end of the container too: it is not when the
    /// personality said that there are only callbacks.
    pub fn ended(&mut self, status: Status) -> bool {
        let only_prepared = self.callbacks_only && status == Status::Exited(0);
        self.service = if only_prepared { Service::Absent } else { Service::Ended(status) };
        !only_prepared
    }

    /// The stop begins. The signal to send to the service, where it lives.
    pub fn begin_stop(&mut self, why: impl Into<String>, now: Instant) -> Option<(Pid, Number)> {
        self.stop = Some(Stop {
            why: why.into(),
            began: now,
            kill_at: Some(now + self.stop_timeout),
            give_up_at: None,
            killed: Vec::new(),
        });
        self.pid().map(|pid| (pid, self.stop_signal))
    }

    /// Whether the stop has begun.
    pub fn is_stopping(&self) -> bool {
        self.stop.is_some()
    }

    /// Whether KILL has been sent to what is left.
    pub fn is_killing(&self) -> bool {
        self.stop.as_ref().is_some_and(|stop| stop.give_up_at.is_some())
    }

    /// Patience is over: KILL from now on.
    pub fn begin_kill(&mut self, now: Instant) {
        if let Some(stop) = &mut self.stop {
            stop.kill_at = None;
            stop.give_up_at.get_or_insert(now + GIVE_UP);
        }
    }

    /// These had to be killed, for the last line of the log.
    pub fn killed(&mut self, names: Vec<String>) {
        if let Some(stop) = &mut self.stop {
            let fresh: Vec<_> = names.into_iter().filter(|name| !stop.killed.contains(name)).collect();
            stop.killed.extend(fresh);
        }
    }

    /// The next instant at which [`Life::due`] has something.
    pub fn deadline(&self) -> Option<Instant> {
        let stop = self.stop.as_ref()?;
        stop.kill_at.or(stop.give_up_at)
    }

    /// What is due at `now`.
    pub fn due(&self, now: Instant) -> Option<StopStep> {
        let stop = self.stop.as_ref()?;
        match (stop.kill_at, stop.give_up_at) {
            (Some(at), _) if at <= now => Some(StopStep::Kill),
            (None, Some(at)) if at <= now => Some(StopStep::GiveUp),
            _ => None,
        }
    }

    /// With what to leave when nothing is left: the service's own status.
    pub fn exit_code(&self) -> u8 {
        match self.service {
            Service::Ended(status) => status.code(),
            Service::Absent => 0,
            _ => OWN_FAULT,
        }
    }

    /// The state in one word.
    pub fn state(&self) -> &'static str {
        match (self.is_stopping(), self.service) {
            (true, _) => "stopping",
            (_, Service::Unstarted | Service::Starting(_)) => "starting",
            (_, Service::Running(_)) => "running",
            (_, Service::Ended(_)) => "ended",
            (_, Service::Absent) => "callbacks-only",
        }
    }

    /// The stop in one line: why, what, how long, and what had to be killed.
    pub fn summary(&self, now: Instant) -> String {
        let service = match self.service {
            Service::Ended(status) => format!("the service {status}"),
            Service::Absent => "there was no service to stop".to_owned(),
            _ => "the service could not be ended".to_owned(),
        };
        let Some(stop) = &self.stop else { return service };
        let seconds = now.saturating_duration_since(stop.began).as_secs_f64();
        let mut summary = format!("stopped in {seconds:.3} s after {}: {service}", stop.why);
        if !stop.killed.is_empty() {
            let _ = write!(summary, "; had to be killed: {}", stop.killed.join(", "));
        }
        summary
    }

    /// The stop's reason, said when it begins.
    pub fn announcement(&self) -> String {
        let why = self.stop.as_ref().map_or("", |stop| stop.why.as_str());
        match self.pid() {
            Some(pid) => format!(
                "stopping after {why}: {} to the service (pid {pid}), KILL in {} s",
                signals::name(self.stop_signal),
                self.stop_timeout.as_secs()
            ),
            None => format!("stopping after {why}"),
        }
    }
}
