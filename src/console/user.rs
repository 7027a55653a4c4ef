//! `lamplighter console`: who may log in to the web console, and which program may read the metrics there.

use std::io::{BufRead, IsTerminal, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use jiff::Timestamp;
use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;

use super::error::CommandError;
use super::serve::certificate::{self, Certificate};
use super::serve::users::{User, Users, make_folder};
use super::serve::{folder_of, misspelt, proof, scrape};
use super::stack::Stack;
use super::{note, say, warn};
use crate::names::OperatorName;

/// What the command line says.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
    /// The folder with the users [default: the console's own in the stack's data]
    #[arg(long, value_name = "FOLDER", global = true)]
    folder: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Who may log in
    #[command(subcommand)]
    User(UserWhat),
    /// Tell of the certificate by which the console speaks TLS, or put another one in its place
    Certificate {
        /// The certificate, with what leads from it to its authority behind it, in PEM
        #[arg(requires = "key")]
        chain: Option<PathBuf>,
        /// Its key, in PEM
        key: Option<PathBuf>,
        /// A name that it has to be for
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
    },
    /// Print a new token by which Prometheus may read the metrics of the console; one of before is good no longer
    MetricsToken {
        /// Take it away: then nobody may
        #[arg(long)]
        remove: bool,
    },
}

#[derive(Debug, Subcommand)]
enum UserWhat {
    /// Let somebody in, or give him another password and second factor; asks on the terminal
    Add {
        /// His name
        name: String,
    },
    /// Tell who may log in
    List,
    /// Keep somebody out, at once
    Remove {
        /// His name
        name: String,
    },
}

/// Does it.
///
/// # Errors
/// When a name or a password is none, or the file cannot be read or written.
pub fn run(arguments: &Arguments, stack: &Stack) -> Result<u8, CommandError> {
    let folder = folder_of(arguments.folder.as_ref(), stack);
    let users = Users::in_folder(&folder);
    let in_file = |why| CommandError::System { doing: format!("use {}", users.path().display()), why };
    let what = match &arguments.what {
        What::User(what) => what,
        What::Certificate { chain, key, name } => {
            return certificate(&folder, chain.as_deref().zip(key.as_deref()), name.as_deref());
        }
        What::MetricsToken { remove } => return metrics_token(&folder, *remove),
    };
    match what {
        UserWhat::Add { name } => {
            let name: OperatorName = name.parse().map_err(|error| misspelt(name, &error))?;
            let no_randomness = || CommandError::Usage("the kernel has no randomness: try again".to_owned());
            let password = proof::kept(&new_password()?).ok_or_else(no_randomness)?;
            let secret = proof::new_secret().ok_or_else(no_randomness)?;
            make_folder(&folder).map_err(in_file)?;
            let user = User { name: name.clone(), password, secret: secret.clone() };
            users.put(user).map_err(in_file)?;
            say_secret(&name, &secret);
        }
        UserWhat::List => {
            let users = users.all().map_err(in_file)?;
            if users.is_empty() {
                note("nobody may log in: the console is off");
            }
            for user in users.iter() {
                say(&user.name);
            }
        }
        UserWhat::Remove { name } => {
            let name: OperatorName = name.parse().map_err(|error| misspelt(name, &error))?;
            if !users.remove(&name).map_err(in_file)? {
                return Err(CommandError::Usage(format!("there is no user `{name}`")));
            }
        }
    }
    Ok(0)
}

/// Says until when it is good, and what is wrong with it: 1 where something is.
fn certificate(folder: &Path, new: Option<(&Path, &Path)>, name: Option<&str>) -> Result<u8, CommandError> {
    if let Some((chain, key)) = new {
        Certificate::of_files(chain, key).map_err(|fault| CommandError::Usage(fault.to_string()))?;
        let in_folder = |why| CommandError::System { doing: format!("write into {}", folder.display()), why };
        make_folder(folder).map_err(in_folder)?;
        certificate::put(folder, chain, key).map_err(in_folder)?;
    }
    let certificate = Certificate::of_folder(folder).map_err(|fault| certificate::unusable(&fault))?;
    say(format_args!("good until {}", certificate.ends));
    let wrong = certificate.wrong(name, Timestamp::now());
    if let Some(wrong) = &wrong {
        warn(wrong);
    }
    Ok(u8::from(wrong.is_some()))
}

fn metrics_token(folder: &Path, remove: bool) -> Result<u8, CommandError> {
    let path = scrape::file_in(folder);
    let in_file = |why| CommandError::System { doing: format!("use {}", path.display()), why };
    if !remove {
        make_folder(folder).map_err(in_file)?;
        say(scrape::new_token(folder).map_err(in_file)?);
        return Ok(0);
    }
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(CommandError::Usage("there is no token".to_owned()))
        }
        removed => removed.map(|()| 0).map_err(in_file),
    }
}

fn say_secret(name: &OperatorName, secret: &str) {
    let url = proof::url(name.as_str(), secret);
    if std::io::stdout().is_terminal()
        && let Ok(code) = QrCode::new(&url)
    {
        say(code.render::<Dense1x2>().build());
    }
    say(format_args!(
        "{name} may log in. The second factor, for an app such as an authenticator (it is not shown again):"
    ));
    say(format_args!("  secret  {secret}"));
    say(format_args!("  URL     {url}"));
}

/// Asks for a password twice; what is no terminal is read as two lines.
fn new_password() -> Result<String, CommandError> {
    let first = ask("Password: ")?;
    let length = first.chars().count();
    if length < proof::SHORTEST || first.len() > proof::LONGEST {
        let (shortest, longest) = (proof::SHORTEST, proof::LONGEST);
        return Err(CommandError::Usage(format!(
            "a password has at least {shortest} characters, and at most {longest} bytes"
        )));
    }
    if ask("Again: ")? != first {
        return Err(CommandError::Usage("the two are not the same".to_owned()));
    }
    Ok(first)
}

fn ask(prompt: &str) -> Result<String, CommandError> {
    let cannot_read = |why| CommandError::System { doing: "read the password".to_owned(), why };
    let stdin = std::io::stdin();
    let silence = Silence::begin(prompt);
    let mut line = String::new();
    let read = stdin.lock().read_line(&mut line).map_err(cannot_read);
    drop(silence);
    read?;
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}

/// A terminal that does not show what is typed, until this is dropped.
struct Silence(Option<nix::sys::termios::Termios>);

impl Silence {
    fn begin(prompt: &str) -> Self {
        let stdin = std::io::stdin();
        let Ok(before) = tcgetattr(stdin.as_fd()) else { return Self(None) };
        let mut silent = before.clone();
        silent.local_flags.remove(LocalFlags::ECHO);
        let _ = tcsetattr(stdin.as_fd(), SetArg::TCSAFLUSH, &silent);
        let _ = write!(std::io::stderr(), "{prompt}");
        Self(Some(before))
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            let _ = tcsetattr(std::io::stdin().as_fd(), SetArg::TCSANOW, before);
            let _ = writeln!(std::io::stderr());
        }
    }
}
