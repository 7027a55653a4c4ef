//! What the full screen has done: an action run, a request called off. Asked for as `lamplighter run` and `cancel` ask.

use std::time::Duration;

use super::screen::Wish;
use crate::accounts::Accounts;
use crate::console::stack::Stack;
use crate::console::table::Tone;
use crate::names::UserName;
use crate::socket::client::{self, ClientError};
use crate::visible;
use crate::wire::{Accepted, Call, CalledOff, Tell};

/// How long a service may take to promise something: it may have to read its callbacks first.
const PATIENCE: Duration = Duration::from_secs(15);

/// Does it; what is to be said of that.
pub(super) async fn done(stack: Stack, wish: Wish) -> (String, Tone) {
    match wish {
        Wish::Run { service, action, user } => {
            let user = on_behalf_of(user);
            let call = Call::Run {
                service: None,
                user,
                action: action.clone(),
                id: None,
                tell: Tell::Nothing,
                operator: None,
            };
            let asked: Result<Accepted, _> = client::call_for(&stack.socket(&service), &call, PATIENCE).await;
            said(asked.map(|accepted| format!("{action} {} is accepted by {service}", accepted.id.short())))
        }
        Wish::Cancel { service, id, action } => {
            let call = Call::Cancel { id: id.clone(), operator: None };
            let asked: Result<CalledOff, _> =
                client::call_for(&stack.socket(&service), &call, PATIENCE).await;
            said(asked.map(|_| format!("{action} {} of {service} is called off", id.short())))
        }
        Wish::Quit | Wish::Follow { .. } | Wish::Unfollow => (String::new(), Tone::Plain),
    }
}

fn said(asked: Result<String, ClientError>) -> (String, Tone) {
    match asked {
        Ok(done) => (done, Tone::Good),
        Err(error) => (visible::line(&error.to_string()).into_owned(), Tone::Bad),
    }
}

/// Whom the schedule names, or who had it last; only root may ask for others than itself.
fn on_behalf_of(user: Option<UserName>) -> UserName {
    match user {
        Some(user) if nix::unistd::geteuid().is_root() => user,
        _ => Accounts::yourself(),
    }
}
