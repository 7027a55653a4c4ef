//! Who may ask for what. Pure: accounts are looked up by the caller.
//!
//! - Uid 0 may ask for anything, on behalf of anybody.
//! - So may the supervisor's own uid: nothing runs with more rights than that user has anyway.
//! - So may the scheduler's, where the supervisor was told of one (`LAMPLIGHTER_SCHEDULER`): in the stack it is a user of
//!   its own, and the mounts decide whose sockets it sees.
//! - The web console's, where the supervisor was told of one (`LAMPLIGHTER_CONSOLE`), may read what was asked and call it
//!   off. What it wants to be run it asks of the scheduler, which passes on what its table names.
//! - Everybody else may ask only for the actions whose rule lists them, and only as themselves; for a run, so may the
//!   console.
//! - Bringing an id is for the first three: a stranger could use up the ids that the scheduler will bring.
//!
//! A refusal tells a stranger what is missing, in words that are the same whether or not there is such an
//! action or such a user, and never who else is allowed.

use crate::names::{ActionName, UserName};
use crate::policy::{FILE, Rule};
use crate::request::{Refusal, RefusalCode};

/// Who may do more than everybody, besides uid 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trusted {
    /// The uid of the one that serves, which may ask for anything.
    pub own_uid: u32,
    /// The scheduler's uid, where it is known, which may ask for anything.
    pub scheduler: Option<u32>,
    /// The web console's uid, where it is known, which may read and call off.
    pub console: Option<u32>,
}

impl Trusted {
    /// Whether this uid may ask for anything.
    pub fn has(self, uid: u32) -> bool {
        uid == 0 || uid == self.own_uid || Some(uid) == self.scheduler
    }
}

/// Who is at the other end of a connection, and whom the one that serves it trusts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asker {
    /// The peer's uid, as the kernel says (`SO_PEERCRED`).
    pub uid: u32,
    /// Who may do more than everybody.
    pub trusted: Trusted,
}

/// What is asked, as far as it matters for who may.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// On whose behalf.
    pub user: &'a UserName,
    /// What to do.
    pub action: &'a ActionName,
    /// Whether the request brought its own id.
    pub brings_id: bool,
}

impl Asker {
    /// Whether everything is allowed.
    pub fn is_trusted(self) -> bool {
        self.trusted.has(self.uid)
    }

    /// Whether it may read what was asked and call it off, and is believed when it says which person asks.
    pub fn oversees(self) -> bool {
        self.is_trusted() || Some(self.uid) == self.trusted.console
    }
}

/// Decides whether a request may be made, by the rule of its action.
///
/// `uid_of` looks up the account of a name; `None` is "there is none", and such a name is nobody. It is not
/// called for numbers, which are their own uid, and not for those who may ask for anything.
///
/// # Errors
/// The refusal, with [`RefusalCode::NotAllowed`].
pub fn permit(
    asker: Asker,
    what: Wanted<'_>,
    rule: &Rule,
    uid_of: impl Fn(&UserName) -> Option<u32>,
) -> Result<(), Refusal> {
    if asker.is_trusted() {
        return Ok(());
    }
    let Wanted { user, action, brings_id } = what;
    let uid = asker.uid;
    let is_asker = |user: &UserName| user.as_uid().or_else(|| uid_of(user)) == Some(uid);
    if !rule.allow.iter().any(is_asker) {
        let missing = format!("`allow` of [action.{action}] in {FILE} does not list it");
        return not_allowed(format!("uid {uid} may not ask for `{action}`: {missing}"));
    }
    if !is_asker(user) {
        return not_allowed(format!("uid {uid} may ask for `{action}` only as itself, not as `{user}`"));
    }
    if brings_id {
        return not_allowed(format!(
            "uid {uid} may not choose a request's id: only root and the scheduler may; ask without one"
        ));
    }
    Ok(())
}

/// Decides about what is for those alone who may ask for anything, such as to reload the configuration; `what` completes
/// "may not".
///
/// # Errors
/// The refusal, with [`RefusalCode::NotAllowed`].
pub fn permit_trusted(asker: Asker, what: &str) -> Result<(), Refusal> {
    if asker.is_trusted() {
        Ok(())
    } else {
        not_allowed(format!("uid {} may not {what}: only root and the scheduler may", asker.uid))
    }
}

/// Decides about what the web console may do too: to read what was asked, and to call it off; `what` completes "may not".
///
/// # Errors
/// The refusal, with [`RefusalCode::NotAllowed`].
pub fn permit_overseer(asker: Asker, what: &str) -> Result<(), Refusal> {
    if asker.oversees() { Ok(()) } else { permit_trusted(asker, what) }
}

fn not_allowed(message: String) -> Result<(), Refusal> {
    Err(Refusal::new(RefusalCode::NotAllowed, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORUM: u32 = 10001;
    const WIKI: u32 = 10002;
    const SCHEDULER: u32 = 903;
    const CONSOLE: u32 = 905;

    fn name(text: &str) -> UserName {
        text.parse().unwrap()
    }

    fn accounts(user: &UserName) -> Option<u32> {
        match user.as_str() {
            "root" => Some(0),
            "forum" => Some(FORUM),
            "wiki" => Some(WIKI),
            _ => None,
        }
    }

    fn alone(own_uid: u32) -> Trusted {
        Trusted { own_uid, scheduler: None, console: None }
    }

    fn ask(uid: u32, trusted: Trusted, user: &str, brings_id: bool, allow: &[&str]) -> Result<(), String> {
        let rule = Rule { allow: allow.iter().map(|user| name(user)).collect(), ..Rule::default() };
        let (user, action) = (name(user), "backup".parse().unwrap());
        let what = Wanted { user: &user, action: &action, brings_id };
        permit(Asker { uid, trusted }, what, &rule, accounts).map_err(|refusal| {
            assert_eq!(refusal.code, RefusalCode::NotAllowed);
            refusal.message
        })
    }

    const LISTS: [&[&str]; 7] =
        [&[], &["forum"], &["10001"], &["wiki"], &["wiki", "forum"], &["root"], &["nobody-here"]];
    const USERS: [&str; 7] = ["root", "0", "forum", "10001", "wiki", "10002", "nobody-here"];

    #[test]
    fn every_combination_is_decided_by_the_rules() {
        let mut allowed = 0;
        let all = [(0, None), (FORUM, None), (0, Some(SCHEDULER)), (FORUM, Some(SCHEDULER))];
        let with_console = |(own_uid, scheduler)| Trusted { own_uid, scheduler, console: Some(CONSOLE) };
        for trusted in all.map(with_console) {
            for uid in [0, FORUM, WIKI, SCHEDULER, CONSOLE, 65534, u32::MAX] {
                for list in LISTS {
                    for user in USERS {
                        for brings_id in [false, true] {
                            let uid_of = |user: &str| name(user).as_uid().or_else(|| accounts(&name(user)));
                            let listed = list.iter().any(|user| uid_of(user) == Some(uid));
                            let itself = uid_of(user) == Some(uid);
                            let is_trusted =
                                uid == 0 || uid == trusted.own_uid || Some(uid) == trusted.scheduler;
                            let expected = is_trusted || (listed && itself && !brings_id);
                            let decided = ask(uid, trusted, user, brings_id, list);
                            let case = (uid, trusted, user, brings_id, list);
                            assert_eq!(decided.is_ok(), expected, "{case:?}: {decided:?}");
                            allowed += usize::from(expected);
                        }
                    }
                }
            }
        }
        // Uid 0 four times, the own uid and the scheduler's twice: 98 each. Forum under root is in three lists, twice, Wiki
        // in two, four times; each by name and by number.
        assert_eq!(allowed, (4 + 2 + 2) * 98 + 2 * 3 * 2 + 4 * 2 * 2);
    }

    #[test]
    fn an_account_that_is_not_there_is_nobody() {
        assert!(ask(65534, alone(0), "nobody-here", false, &["nobody-here"]).is_err());
        assert!(ask(u32::MAX, alone(0), "nobody-here", false, &["nobody-here"]).is_err());
    }

    #[test]
    fn those_who_may_ask_for_anything_need_no_accounts() {
        let (user, action) = (name("forum"), "backup".parse().unwrap());
        let what = Wanted { user: &user, action: &action, brings_id: true };
        let rule = Rule { allow: vec![name("wiki")], ..Rule::default() };
        for (uid, own_uid) in [(0, 0), (0, FORUM), (FORUM, FORUM)] {
            let decided = permit(Asker { uid, trusted: alone(own_uid) }, what, &rule, |_| {
                panic!("looked up an account")
            });
            assert_eq!(decided, Ok(()));
        }
    }

    #[test]
    fn a_number_is_its_own_uid_whatever_the_accounts_say() {
        let (user, action) = (name("10001"), "backup".parse().unwrap());
        let what = Wanted { user: &user, action: &action, brings_id: false };
        let rule = Rule { allow: vec![name("10001")], ..Rule::default() };
        let misleading = |_: &UserName| Some(WIKI);
        assert!(permit(Asker { uid: WIKI, trusted: alone(0) }, what, &rule, misleading).is_err());
        assert!(permit(Asker { uid: FORUM, trusted: alone(0) }, what, &rule, misleading).is_ok());
    }

    #[test]
    fn a_refusal_says_what_is_missing() {
        let refusals = [
            ask(FORUM, alone(0), "forum", false, &["wiki"]),
            ask(FORUM, alone(0), "root", true, &["wiki"]),
            ask(FORUM, alone(0), "wiki", false, &["forum"]),
            ask(FORUM, alone(0), "forum", true, &["forum"]),
            permit_trusted(Asker { uid: FORUM, trusted: alone(0) }, "reload")
                .map_err(|refusal| refusal.message),
        ];
        let lines: Vec<String> = refusals.into_iter().map(Result::unwrap_err).collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        uid 10001 may not ask for `backup`: `allow` of [action.backup] in housekeeping.toml does not list it
        uid 10001 may not ask for `backup`: `allow` of [action.backup] in housekeeping.toml does not list it
        uid 10001 may ask for `backup` only as itself, not as `wiki`
        uid 10001 may not choose a request's id: only root and the scheduler may; ask without one
        uid 10001 may not reload: only root and the scheduler may
        ");
    }

    #[test]
    fn a_refusal_names_nobody_but_the_asker_and_whom_it_named_itself() {
        for user in USERS {
            let message = ask(WIKI, alone(0), user, false, &["forum", "root"]).unwrap_err();
            assert_eq!(message, ask(WIKI, alone(0), "root", true, &[]).unwrap_err());
        }
    }

    #[test]
    fn what_is_for_root_alone_is_for_the_own_uid_too() {
        assert_eq!(permit_trusted(Asker { uid: 0, trusted: alone(FORUM) }, "reload"), Ok(()));
        assert_eq!(permit_trusted(Asker { uid: FORUM, trusted: alone(FORUM) }, "reload"), Ok(()));
        assert!(permit_trusted(Asker { uid: WIKI, trusted: alone(FORUM) }, "reload").is_err());
    }

    #[test]
    fn the_console_reads_and_calls_off_and_asks_for_a_run_as_everybody_does() {
        let trusted = Trusted { own_uid: FORUM, scheduler: Some(SCHEDULER), console: Some(CONSOLE) };
        let may = |uid, trusted| permit_overseer(Asker { uid, trusted }, "read").is_ok();
        for (uid, allowed) in
            [(0, true), (FORUM, true), (SCHEDULER, true), (CONSOLE, true), (WIKI, false), (65534, false)]
        {
            assert_eq!(may(uid, trusted), allowed, "{uid}");
        }
        assert!(!may(CONSOLE, alone(FORUM)), "nobody is the console where none is known");
        assert!(permit_trusted(Asker { uid: CONSOLE, trusted }, "reload").is_err());
        let number = CONSOLE.to_string();
        for user in ["root", "forum", &number] {
            assert!(ask(CONSOLE, trusted, user, false, &["forum", "root"]).is_err(), "{user}");
        }
        assert!(ask(CONSOLE, trusted, &number, false, &[&number]).is_ok());
        assert!(ask(CONSOLE, trusted, &number, true, &[&number]).is_err());
        assert!(ask(CONSOLE, trusted, "root", false, &[&number]).is_err());
    }
}
