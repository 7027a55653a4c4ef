//! Who is logged in: in memory alone, so that a restart logs everybody out. Pure: time and tokens come in.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::users::User;
use crate::names::OperatorName;

/// So many at once; the one that was used longest ago gives way.
const MOST: usize = 256;

/// Somebody who is logged in.
#[derive(Debug, Clone)]
pub(super) struct Session {
    /// Who it was when he logged in: with another password, or none, he is nobody.
    user: User,
    /// What a form has to bring along.
    pub(super) csrf: String,
    began: Instant,
    used: Instant,
}

impl Session {
    /// Who it is.
    pub(super) fn operator(&self) -> &OperatorName {
        &self.user.name
    }
}

/// All who are logged in, by what their cookie says.
#[derive(Debug)]
pub(super) struct Sessions {
    by_token: HashMap<String, Session>,
    /// How long one may be left alone.
    idle: Duration,
    /// How long one may be.
    longest: Duration,
}

impl Sessions {
    /// Nobody yet.
    pub(super) fn new(idle: Duration, longest: Duration) -> Self {
        Self { by_token: HashMap::new(), idle, longest }
    }

    /// Somebody has logged in.
    pub(super) fn begin(&mut self, token: String, csrf: String, user: User, now: Instant) {
        self.drop_ended(now);
        if self.by_token.len() >= MOST {
            let oldest = self.by_token.iter().min_by_key(|(_, session)| session.used);
            if let Some(oldest) = oldest.map(|(token, _)| token.clone()) {
                self.by_token.remove(&oldest);
            }
        }
        self.by_token.insert(token, Session { user, csrf, began: now, used: now });
    }

    /// Whose token it is, if he is one of `users` still. What nobody did himself does not count as use.
    pub(super) fn find(
        &mut self,
        token: &str,
        users: &[User],
        is_use: bool,
        now: Instant,
    ) -> Option<Session> {
        self.drop_ended(now);
        let session = self.by_token.get_mut(token)?;
        if !users.contains(&session.user) {
            self.by_token.remove(token);
            return None;
        }
        if is_use {
            session.used = now;
        }
        Some(session.clone())
    }

    /// Somebody has logged out.
    pub(super) fn end(&mut self, token: &str) {
        self.by_token.remove(token);
    }

    fn drop_ended(&mut self, now: Instant) {
        let (idle, longest) = (self.idle, self.longest);
        self.by_token.retain(|_, session| {
            now.saturating_duration_since(session.used) < idle
                && now.saturating_duration_since(session.began) < longest
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Duration = Duration::from_secs(30);
    const LONGEST: Duration = Duration::from_secs(100);

    fn anna() -> User {
        User { name: "anna".parse().unwrap(), password: "1".to_owned(), secret: "A".to_owned() }
    }

    fn begun(now: Instant) -> Sessions {
        let mut sessions = Sessions::new(IDLE, LONGEST);
        sessions.begin("token".to_owned(), "csrf".to_owned(), anna(), now);
        sessions
    }

    #[test]
    fn a_session_ends_when_it_is_left_alone_and_when_it_is_old() {
        let began = Instant::now();
        let mut sessions = begun(began);
        let users = [anna()];
        for seconds in [20, 40, 60, 80, 99] {
            let now = began + Duration::from_secs(seconds);
            assert!(sessions.find("token", &users, true, now).is_some(), "after {seconds} s of use");
        }
        assert!(sessions.find("token", &users, true, began + LONGEST).is_none());
        let mut sessions = begun(began);
        assert!(sessions.find("token", &users, false, began + Duration::from_secs(29)).is_some());
        assert!(sessions.find("token", &users, true, began + IDLE).is_none(), "a refresh is no use");
    }

    #[test]
    fn a_session_is_its_tokens_alone_and_only_of_who_is_still_the_same_user() {
        let now = Instant::now();
        let mut sessions = begun(now);
        assert!(sessions.find("Token", &[anna()], true, now).is_none());
        let other = User { password: "2".to_owned(), ..anna() };
        assert!(sessions.find("token", &[other], true, now).is_none());
        assert!(sessions.find("token", &[anna()], true, now).is_none(), "it does not come back");
        let mut sessions = begun(now);
        sessions.end("token");
        assert!(sessions.find("token", &[anna()], true, now).is_none());
    }

    #[test]
    fn the_one_that_was_used_longest_ago_gives_way() {
        let now = Instant::now();
        let mut sessions = begun(now);
        for number in 0..MOST {
            let later = now + Duration::from_millis(number as u64 + 1);
            sessions.begin(format!("token{number}"), String::new(), anna(), later);
        }
        let end = now + Duration::from_secs(1);
        assert!(sessions.find("token", &[anna()], true, end).is_none());
        assert!(sessions.find("token0", &[anna()], true, end).is_some());
    }
}
