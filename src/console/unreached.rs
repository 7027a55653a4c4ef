//! Services that do not answer: what to say of that, and what to do about it.

use crate::socket::client::{ClientError, Trouble};

/// What to do about a service that speaks in another way.
pub(super) const SAME_VERSION: &str = "use the `lamplighter` of the same version as the service's";

/// What to do about a service that does not answer.
pub(super) fn next_step(error: &ClientError) -> Option<String> {
    let service = error.service();
    Some(match error.trouble() {
        Trouble::NotRunning => format!("`docker compose up -d {service}` starts it"),
        Trouble::NobodyThere => {
            format!("its container was killed: `docker compose up -d {service}` starts it")
        }
        Trouble::Denied => "use sudo".to_owned(),
        Trouble::Silent => format!("`docker compose logs --tail 20 {service}` may say why"),
        Trouble::HungUp => "it may be starting or stopping: try again in a moment".to_owned(),
        Trouble::Unintelligible => SAME_VERSION.to_owned(),
        Trouble::Refused | Trouble::Other => return None,
    })
}

/// Why several services did not answer; what holds for many is said once.
pub(super) fn in_words(errors: &[ClientError]) -> String {
    let mut said: Vec<(&ClientError, Vec<String>)> = Vec::new();
    for error in errors {
        match said.iter_mut().find(|(first, _)| first.trouble() == error.trouble()) {
            Some((_, others)) => others.push(error.service()),
            None => said.push((error, Vec::new())),
        }
    }
    let sentences = said.iter().map(|(error, others)| match &others[..] {
        [] => error.to_string(),
        others => format!("{error} (as with {})", others.join(", ")),
    });
    sentences.collect::<Vec<_>>().join("; ")
}

/// What to do about services that do not answer: what helps with the most of them.
pub(super) fn next_steps(errors: &[ClientError]) -> Option<String> {
    let has = |trouble| move |error: &&ClientError| error.trouble() == trouble;
    if let Some(denied) = errors.iter().find(has(Trouble::Denied)) {
        return next_step(denied);
    }
    let is_down =
        |error: &&ClientError| matches!(error.trouble(), Trouble::NotRunning | Trouble::NobodyThere);
    let down: Vec<String> = errors.iter().filter(is_down).map(ClientError::service).collect();
    if down.len() > 1 {
        return Some(format!("`docker compose up -d {}` starts them", down.join(" ")));
    }
    errors.iter().find(is_down).or(errors.first()).and_then(next_step)
}
