//! What the scheduler is asked for a service: to have run at once what its table names. So the web console, which may ask
//! no service for a run, has no other one done than those that are done anyway, for the user whom the table names.

use std::path::Path;
use std::time::Duration;

use super::machine::Machine;
use crate::access::{self, Asker};
use crate::names::ServiceName;
use crate::request::{Answer, Refusal, RefusalCode};
use crate::socket::client::{self, ClientError};
use crate::socket::protocol::Reply;
use crate::wire::{Accepted, Call, Refused, Tell};

/// How long a service may take to promise it: less than who asks the scheduler waits for an answer.
const PATIENCE: Duration = Duration::from_secs(4);

/// What is to be asked of which service for this call, where its sender may have that done.
///
/// # Errors
/// The refusal.
pub(super) fn wanted(machine: &Machine, asker: Asker, call: Call) -> Result<(ServiceName, Call), Refusal> {
    let Call::Run { service: Some(service), user, action, id, tell, operator } = call else {
        let message = "the scheduler asks others and has no actions";
        return Err(Refusal::new(RefusalCode::UnknownAction, message));
    };
    access::permit_overseer(asker, "have anything run")?;
    if id.is_some() || tell != Tell::Nothing {
        let message =
            "the scheduler passes on neither `id` nor `tell`: follow the request where it is carried out";
        return Err(Refusal::new(RefusalCode::Syntax, message));
    }
    if !machine.names(&service, &user, &action) {
        let message = format!("the schedule names no `{action}` of {service} for {user}");
        return Err(Refusal::new(RefusalCode::NotAllowed, message));
    }
    Ok((service, Call::Run { service: None, user, action, id: None, tell: Tell::Nothing, operator }))
}

/// Asks a service, and tells what it answers.
pub(super) async fn pass_on(socket: &Path, call: &Call) -> Reply {
    let asked = client::call_for::<Accepted>(socket, call, PATIENCE).await;
    Reply::Answer(match asked {
        Ok(accepted) => Answer::Accepted(accepted.id),
        Err(error) => {
            let code = match &error {
                ClientError::Refused { refused, .. } => code_of(refused),
                _ => RefusalCode::Busy,
            };
            Answer::Refused(Refusal::new(code, error.to_string()))
        }
    })
}

/// The service's own, where it is one of this version.
fn code_of(refused: &Refused) -> RefusalCode {
    RefusalCode::ALL.iter().copied().find(|&code| refused.is(code)).unwrap_or(RefusalCode::Busy)
}
