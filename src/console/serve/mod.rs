//! `lamplighter serve`: the web console. What the command shows and does, for a browser; a program of its own
//! (`lamplighter-console`), so that the supervisor has nothing of it.
//!
//! # Layout
//! - [`connections`] takes who comes, within limits; [`certificate`], with its [`validity`], is the one by which that is TLS; [`guard`]
//!   holds for every question and answer
//! - [`login`], with [`users`], [`proof`], [`attempts`] and [`sessions`]: who it is
//! - [`now`], [`coming`] with its [`timeline`], [`backups`] with their [`sizes`], [`past`] with its [`picture`], [`one_run`]: a page each, with a template in
//!   `pages/`; [`doing`]: what changes something; [`page`] is what stands around them; [`live`] is what they are told later
//! - [`scrape`]: the metrics, for a program
//!
//! It asks as the command does, over the request sockets, and knows nothing that they do not tell. What they tell was made
//! safe when it was read ([`crate::wire`], [`crate::visible`]), and becomes text of a page by the templates alone.

mod app;
mod assets;
mod attempts;
mod backups;
pub(in crate::console) mod certificate;
mod coming;
mod connections;
mod doing;
mod guard;
mod live;
mod login;
mod now;
mod one_run;
mod page;
mod past;
mod picture;
pub(in crate::console) mod proof;
pub(in crate::console) mod scrape;
mod sessions;
mod sizes;
mod timeline;
pub(in crate::console) mod users;
mod validity;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::error::CommandError;
use super::stack::Stack;
use super::zone;
use crate::signals::Signals;
use crate::{duration, log, visible};
use app::{App, Rules};
use users::Users;

/// What the command line says.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Where to listen; who is not on this machine gets there by a tunnel: ssh -L 8090:127.0.0.1:8090 HOST
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// Where it is to be reached, where that is another address: Docker publishes it. Beyond this machine it speaks TLS alone
    #[arg(long, value_name = "ADDRESS")]
    published: Option<IpAddr>,
    /// A name by which it may be asked, besides localhost
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Speak TLS, with the certificate for that name in the folder with the users: `lamplighter console certificate` puts it there
    #[arg(long, requires = "name")]
    tls: bool,
    /// Have only that run which the schedule names, and ask the scheduler for it: as the stack's own console does, which
    /// may ask no other service for a run
    #[arg(long)]
    only_scheduled: bool,
    /// How long a session lasts that is not used
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = a_while)]
    idle: Duration,
    /// How long a session lasts at most
    #[arg(long, value_name = "TIME", default_value = "12h", value_parser = a_while)]
    longest: Duration,
    /// The folder with the users [default: the console's own in the stack's data]
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

fn a_while(text: &str) -> Result<Duration, String> {
    duration::parse(text).map_err(|error| error.to_string())
}

/// Serves the console until it is told to end.
///
/// # Errors
/// When it cannot listen.
pub async fn run(arguments: &Arguments, stack: Stack) -> Result<u8, CommandError> {
    let Arguments { listen, name, only_scheduled, idle, longest, folder, .. } = arguments;
    let system = |doing: &str| {
        let doing = doing.to_owned();
        move |why| CommandError::System { doing, why }
    };
    // In the stack's folder what its containers go by, which need not be what this machine does.
    let zone = zone::of_command(None, stack.home.as_deref())?;
    let folder = folder_of(folder.as_ref(), &stack);
    let tls = tls_of(arguments, &folder)?;
    let users = Users::in_folder(&folder);
    let listener = TcpListener::bind(listen).await.map_err(system(&format!("listen on {listen}")))?;
    let address = listener.local_addr().map_err(system("listen"))?;
    let signals = Signals::open().map_err(system("be told of signals"))?;
    say_where(&address, name.as_deref().filter(|_| tls.is_some()), &users);
    let rules = Rules {
        name: name.clone(),
        is_tls: tls.is_some(),
        only_scheduled: *only_scheduled,
        idle: *idle,
        longest: *longest,
        zone,
    };
    let no_randomness = || system("begin")(std::io::Error::other("the kernel has no randomness"));
    let app = App::new(stack, users, rules).ok_or_else(no_randomness)?;
    tokio::select! {
        () = connections::serve(listener, tls, app::router(app)) => Ok(0),
        _ = told_to_end(&signals) => {
            log::info("the console ends");
            Ok(0)
        }
    }
}

/// How TLS is spoken, where it is. What is reached from beyond this machine speaks nothing else.
fn tls_of(arguments: &Arguments, folder: &Path) -> Result<Option<TlsAcceptor>, CommandError> {
    let reached = arguments.published.unwrap_or(arguments.listen.ip());
    let Some(name) = arguments.name.as_deref().filter(|_| arguments.tls) else {
        if is_local(reached) {
            return Ok(None);
        }
        return Err(CommandError::Misspelt {
            message: format!(
                "{reached} is reached from beyond this machine, where the console speaks TLS alone"
            ),
            hint: Some("name it and have it speak TLS: --name NAME --tls (CONSOLE_NAME in .env)".to_owned()),
        });
    };
    let configuration =
        certificate::configuration(folder, name).map_err(|fault| certificate::unusable(&fault))?;
    Ok(Some(TlsAcceptor::from(configuration)))
}

async fn told_to_end(signals: &Signals) -> std::io::Result<()> {
    loop {
        if matches!(signals.next().await?, nix::libc::SIGTERM | nix::libc::SIGINT | nix::libc::SIGHUP) {
            return Ok(());
        }
    }
}

fn say_where(address: &SocketAddr, tls_name: Option<&str>, users: &Users) {
    let host =
        if is_local(address.ip()) { address.to_string() } else { format!("localhost:{}", address.port()) };
    match tls_name {
        Some(name) => {
            log::info(format_args!("the console listens on https://{host}, with a certificate for {name}"));
        }
        None => log::info(format_args!("the console listens on http://{host}")),
    }
    match users.all() {
        Ok(users) if users.is_empty() => {
            log::warn("nobody may log in yet: `lamplighter console user add NAME`");
        }
        Ok(_) => {}
        Err(error) => log::error(format_args!("cannot read {}: {error}", users.path().display())),
    }
}

fn is_local(address: IpAddr) -> bool {
    address.is_loopback()
}

/// The folder with the users: the one that is named, else that of the stack's data, which the console's container has at a
/// place of its own.
pub(in crate::console) fn folder_of(named: Option<&PathBuf>, stack: &Stack) -> PathBuf {
    named.cloned().unwrap_or_else(|| {
        let data = stack.home.as_ref().and_then(|_| stack.run.parent());
        data.map_or_else(|| "/var/lib/console".into(), |data| data.join("console"))
    })
}

/// For what is no name of a user.
pub(in crate::console) fn misspelt(name: &str, error: &crate::names::NameError) -> CommandError {
    CommandError::Usage(format!("`{}` is no name: {}", visible::line(name), error.rule()))
}
