//! Why a command did not do what it was asked, what to do about it, and the exit status that says so to scripts.

use std::io;
use std::path::PathBuf;

use super::unreached::{SAME_VERSION, in_words, next_step, next_steps};
use crate::request::RefusalCode;
use crate::socket::client::ClientError;
use crate::visible;
use crate::wire::Refused;

/// Why a command failed. The message says what was being done to what; [`CommandError::hint`] what to do next.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// What was given on the command line means nothing.
    #[error("{0}")]
    Usage(String),
    /// What was given has not the form of a name.
    #[error("{message}")]
    Misspelt {
        /// What is wrong with it.
        message: String,
        /// What was probably meant.
        hint: Option<String>,
    },
    /// What was given has a fault, shown with its place as those of files are.
    #[error("{0}")]
    Fault(String),
    /// A file cannot be read.
    #[error("cannot read {}: {why}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: io::Error,
    },
    /// There is no service to be found.
    #[error("there is no service in {}", .run.display())]
    NoStack {
        /// Where the sockets should be.
        run: PathBuf,
        /// The stack's folder, where there is one.
        home: Option<PathBuf>,
    },
    /// The folder of the sockets cannot be read.
    #[error("cannot look for services in {}: {why}", .run.display())]
    Unlistable {
        /// The folder.
        run: PathBuf,
        /// Why.
        why: io::Error,
    },
    /// There is no service of this name.
    #[error("there is no service `{}` in {}", visible::line(.name), .run.display())]
    UnknownService {
        /// The name.
        name: String,
        /// The folder with the sockets.
        run: PathBuf,
        /// What was probably meant.
        meant: Option<String>,
        /// Those that there are.
        known: String,
    },
    /// A service did not answer.
    #[error(transparent)]
    Unreachable(#[from] ClientError),
    /// A service did not answer, while something was being done.
    #[error("cannot {doing}: {why}")]
    Unreached {
        /// What was being done, such as "run nightly-backup".
        doing: String,
        /// Why it could not be.
        why: ClientError,
    },
    /// Several services were to be asked, and these could not be.
    #[error("{message}: {}", in_words(.whys))]
    Unasked {
        /// What could not be done.
        message: String,
        /// Why they could not be asked.
        whys: Vec<ClientError>,
    },
    /// A service tells something in another form than this version knows.
    #[error("cannot {doing}: {service} tells of {what} in a way that this version does not understand")]
    Foreign {
        /// What was being done.
        doing: &'static str,
        /// The service.
        service: String,
        /// What it tells of.
        what: String,
    },
    /// A service refused.
    #[error("cannot {doing}: {service} refuses: {}", .refused.message)]
    Refused {
        /// What it was asked, such as "run nightly-backup".
        doing: String,
        /// The service.
        service: String,
        /// The refusal.
        refused: Box<Refused>,
        /// What to do next, where it is known.
        hint: Option<String>,
    },
    /// An id means no request, or several.
    #[error("{message}")]
    Id {
        /// What is wrong with it.
        message: String,
        /// What to do next.
        hint: String,
    },
    /// This machine does not do what the command needs.
    #[error("cannot {doing}: {why}")]
    System {
        /// What was being done.
        doing: String,
        /// What the system says.
        why: io::Error,
    },
}

impl CommandError {
    /// A service's silence or refusal, while this was being done.
    pub(super) fn unreached(doing: impl Into<String>) -> impl FnOnce(ClientError) -> Self {
        let doing = doing.into();
        |why| {
            let service = why.service();
            match why {
                ClientError::Refused { refused, .. } => Self::Refused { doing, service, refused, hint: None },
                why => Self::Unreached { doing, why },
            }
        }
    }

    /// The same, with what to do next.
    pub(super) fn hinting(mut self, next: Option<String>) -> Self {
        if let Self::Refused { hint, .. } = &mut self {
            *hint = next.or(hint.take());
        }
        self
    }

    /// The exit status: 2 usage, 3 refused, 4 unreachable.
    pub fn code(&self) -> u8 {
        match self {
            Self::Usage(_)
            | Self::Misspelt { .. }
            | Self::Fault(_)
            | Self::Unreadable { .. }
            | Self::UnknownService { .. }
            | Self::System { .. } => 2,
            Self::Refused { .. } | Self::Id { .. } => 3,
            Self::Unreachable(_)
            | Self::Unreached { .. }
            | Self::Unasked { .. }
            | Self::Foreign { .. }
            | Self::NoStack { .. }
            | Self::Unlistable { .. } => 4,
        }
    }

    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Usage(_) | Self::Fault(_) | Self::Unreadable { .. } | Self::System { .. } => return None,
            Self::Misspelt { hint, .. } => return hint.clone(),
            Self::NoStack { home: Some(home), .. } => {
                format!("the stack in {} has not been started: `bin/up` starts it", home.display())
            }
            Self::NoStack { .. } => {
                "go to the stack's folder, or name the folder of the sockets in LAMPLIGHTER_RUN".to_owned()
            }
            Self::Unlistable { why, .. } if why.kind() == io::ErrorKind::PermissionDenied => {
                "use sudo".to_owned()
            }
            Self::Unlistable { .. } => "LAMPLIGHTER_RUN names the folder of the sockets".to_owned(),
            Self::UnknownService { meant: Some(meant), .. } => format!("did you mean `{meant}`?"),
            Self::UnknownService { known, .. } if known.contains(',') => format!("there are {known}"),
            Self::UnknownService { known, .. } => format!("there is only {known}"),
            Self::Unreachable(error) | Self::Unreached { why: error, .. } => return next_step(error),
            Self::Unasked { whys, .. } => return next_steps(whys),
            Self::Foreign { .. } => SAME_VERSION.to_owned(),
            Self::Refused { hint: Some(hint), .. } | Self::Id { hint, .. } => hint.clone(),
            Self::Refused { refused, .. } => what_to_do(refused)?.to_owned(),
        })
    }
}

/// What to do about a refusal, where that is known.
fn what_to_do(refused: &Refused) -> Option<&'static str> {
    use RefusalCode::{Busy, Callbacks, Journal, NotAllowed, Policy, Stopping, Syntax};
    let is = |codes: &[RefusalCode]| codes.iter().any(|&code| refused.is(code));
    if is(&[NotAllowed]) {
        Some("use sudo")
    } else if is(&[Syntax]) {
        Some(SAME_VERSION)
    } else if is(&[Busy, Stopping]) {
        Some("try again later")
    } else if is(&[Callbacks, Policy, Journal]) {
        Some("`lamplighter status` says what is wrong with the service")
    } else {
        None
    }
}
