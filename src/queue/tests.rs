//! The queue's rules, one by one.

use super::*;
use crate::journal::End;
use jiff::Timestamp;

const HOUR: Duration = Duration::from_secs(60 * 60);

fn request(id: &str, user: &str, action: &str) -> Request {
    Request { id: id.parse().unwrap(), user: user.parse().unwrap(), action: action.parse().unwrap() }
}

/// A queue with its policy and a clock that stands still.
struct Fixture {
    queue: Queue,
    policy: Policy,
    now: Instant,
}

impl Fixture {
    fn new(policy: &str) -> Self {
        let policy = Policy::parse(policy, "housekeeping.toml").unwrap();
        Self { queue: Queue::default(), policy, now: Instant::now() }
    }

    fn admit(&mut self, id: &str, user: &str, action: &str) -> Admission {
        let admission = self.queue.admit(request(id, user, action), &self.policy, self.now).unwrap();
        self.queue.settle();
        admission
    }

    /// The id of the request that starts as this run.
    fn start(&mut self, key: RunKey) -> Option<String> {
        let started = self.queue.start(key, &Need::Own, &self.policy, self.now);
        self.queue.settle();
        started.map(|(request, _)| request.id.to_string())
    }

    fn finish(&mut self, key: RunKey, status: Status) -> Finished {
        self.queue.finish(key, status, &self.policy, self.now).unwrap()
    }
}

#[test]
fn different_actions_run_side_by_side_and_none_overlaps_itself() {
    let mut f = Fixture::new("");
    f.admit("1", "forum", "backup");
    f.admit("2", "root", "backup");
    f.admit("3", "forum", "rotate");
    assert_eq!(f.queue.needs(&f.policy, f.now).len(), 2);
    assert_eq!(f.start(10).as_deref(), Some("1"));
    assert_eq!(f.start(11).as_deref(), Some("3"));
    assert_eq!(f.start(12), None);
    f.finish(10, Status::Exited(0));
    assert_eq!(f.start(12).as_deref(), Some("2"));
}

#[test]
fn a_repeat_joins_what_waits_and_not_what_runs() {
    let mut f = Fixture::new("");
    f.admit("1", "forum", "backup");
    f.start(10).unwrap();
    assert_eq!(f.admit("2", "forum", "backup"), Admission::Waits);
    assert_eq!(f.admit("3", "forum", "backup"), Admission::Joined("2".parse().unwrap()));
    assert_eq!(f.admit("4", "root", "backup"), Admission::Waits, "another user joins nobody");
    f.finish(10, Status::Exited(0));
    assert_eq!(f.start(11).as_deref(), Some("2"));
    assert_eq!(f.finish(11, Status::Exited(3)).outcome, Outcome::Failed(3));
}

#[test]
fn a_run_over_its_time_is_terminated_then_killed_and_timed_out() {
    let mut f = Fixture::new("");
    f.admit("1", "forum", "backup");
    f.start(10).unwrap();
    assert_eq!(f.queue.deadline(), Some(f.now + HOUR));
    assert_eq!(f.queue.due(f.now + HOUR), [DueRun::Terminate(10)]);
    assert_eq!(f.queue.due(f.now + HOUR), []);
    assert_eq!(f.queue.due(f.now + HOUR + GRACE), [DueRun::Kill(10)]);
    assert_eq!(f.queue.deadline(), None);
    assert_eq!(f.finish(10, Status::Killed(9)).outcome, Outcome::TimedOut);
}

#[test]
fn no_more_than_the_limit_run_or_wait() {
    let mut f = Fixture::new("");
    for n in 0..MOST_WAITING {
        f.admit(&n.to_string(), "forum", &format!("a{n}"));
    }
    let refusal = f.queue.admit(request("x", "forum", "a1"), &f.policy, f.now).unwrap_err();
    assert_eq!(refusal.code, RefusalCode::Busy);
    assert_eq!(f.queue.needs(&f.policy, f.now).len(), MOST_RUNS);
    for n in 0..MOST_RUNS {
        assert!(f.start(n as RunKey).is_some());
    }
    assert_eq!(f.start(99), None);
}

#[test]
fn what_did_not_reach_its_listener_is_the_next_again_and_its_attempt_not_counted() {
    let mut f = Fixture::new("");
    f.admit("1", "forum", "a");
    f.admit("2", "forum", "b");
    f.start(10).unwrap();
    f.queue.put_back(10);
    let (request, attempt) = f.queue.start(11, &Need::Own, &f.policy, f.now).unwrap();
    assert_eq!((request.id.as_str(), attempt), ("1", 1));
}

#[test]
fn skip_takes_only_what_finds_its_action_idle() {
    let mut f = Fixture::new("[action.task]\noverlap = 'skip'");
    assert_eq!(f.admit("1", "forum", "task"), Admission::Waits);
    assert_eq!(f.admit("2", "forum", "task"), Admission::Skipped);
    f.start(10).unwrap();
    assert_eq!(f.admit("3", "forum", "task"), Admission::Skipped);
    f.finish(10, Status::Exited(0));
    assert_eq!(f.admit("4", "forum", "task"), Admission::Waits);
}

#[test]
fn replace_takes_the_place_of_what_waits_and_of_what_runs() {
    let mut f = Fixture::new("[action.task]\noverlap = 'replace'");
    f.admit("1", "forum", "task");
    f.start(10).unwrap();
    let replaces = Admission::Replaces { waiting: vec![], runs: vec![10] };
    assert_eq!(f.admit("2", "forum", "task"), replaces);
    let replaces = Admission::Replaces { waiting: vec![(request("2", "forum", "task"), 0)], runs: vec![10] };
    assert_eq!(f.admit("3", "forum", "task"), replaces);
    assert_eq!(f.finish(10, Status::Killed(15)).outcome, Outcome::Cancelled);
    assert_eq!(f.start(11).as_deref(), Some("3"));
}

#[test]
fn allow_lets_an_action_overlap_itself() {
    let mut f = Fixture::new("[action.task]\noverlap = 'allow'");
    f.admit("1", "forum", "task");
    f.admit("2", "forum", "task");
    assert_eq!(f.queue.needs(&f.policy, f.now).len(), 2);
    assert!(f.start(10).is_some() && f.start(11).is_some());
}

#[test]
fn a_failed_attempt_is_tried_again_after_its_pause_until_there_are_no_more() {
    let mut f = Fixture::new("[action.task]\nretry = { attempts = 2, backoff = '5m' }");
    f.admit("1", "forum", "task");
    f.start(10).unwrap();
    let pause = Duration::from_secs(300);
    assert_eq!(f.finish(10, Status::Exited(1)).retry_after, Some(pause));
    assert_eq!(f.start(11), None, "not before its pause is over");
    assert_eq!(f.queue.deadline(), Some(f.now + pause));
    f.now += pause;
    assert_eq!(f.queue.due(f.now), []);
    assert_eq!(f.start(11).as_deref(), Some("1"));
    let last = f.finish(11, Status::Exited(1));
    assert_eq!((last.attempt, last.retry_after), (2, None));
    assert_eq!(f.queue.open(), 0);
}

#[test]
fn what_succeeded_or_was_called_off_is_not_tried_again() {
    let mut f = Fixture::new("[action.task]\nretry = { attempts = 5 }");
    f.admit("1", "forum", "task");
    f.start(10).unwrap();
    assert_eq!(f.queue.cancel(&"1".parse().unwrap(), f.now), Some(Cancelled::Running(10)));
    let finished = f.finish(10, Status::Killed(15));
    assert_eq!((finished.outcome, finished.retry_after), (Outcome::Cancelled, None));
    f.admit("2", "forum", "task");
    f.start(11).unwrap();
    assert_eq!(f.finish(11, Status::Exited(0)).retry_after, None);
}

#[test]
fn what_is_called_off_or_replaced_while_it_is_being_ended_for_its_time_is_not_tried_again() {
    let retry = "retry = { attempts = 5 }\ntimeout = '1s'\noverlap = 'replace'";
    let mut f = Fixture::new(&format!("[action.task]\n{retry}\n[action.other]\n{retry}"));
    f.admit("1", "forum", "task");
    f.start(10).unwrap();
    f.admit("2", "forum", "other");
    f.start(11).unwrap();
    f.now += Duration::from_secs(1);
    assert_eq!(f.queue.due(f.now), [DueRun::Terminate(10), DueRun::Terminate(11)]);
    assert_eq!(f.queue.cancel(&"1".parse().unwrap(), f.now), Some(Cancelled::Running(10)));
    f.admit("3", "forum", "other");
    for key in [10, 11] {
        let finished = f.finish(key, Status::Killed(15));
        assert_eq!((finished.outcome, finished.retry_after), (Outcome::Cancelled, None));
    }
}

#[test]
fn where_no_listener_can_be_had_that_is_a_failed_attempt_of_the_first_that_could_start() {
    let mut f = Fixture::new("[action.a]\nrun-as = 'request'\nretry = { attempts = 2, backoff = '5m' }");
    f.admit("1", "forum", "a");
    let forum = Need::User("forum".parse().unwrap());
    let failed = f.queue.fail_first(&forum, 126, &f.policy, f.now).unwrap();
    assert_eq!((failed.request.id.as_str(), failed.attempt, failed.outcome), ("1", 1, Outcome::Failed(126)));
    assert_eq!(failed.retry_after, Some(Duration::from_secs(300)));
    assert!(f.queue.fail_first(&forum, 126, &f.policy, f.now).is_none(), "it pauses");
    f.now += Duration::from_secs(300);
    let failed = f.queue.fail_first(&forum, 126, &f.policy, f.now).unwrap();
    assert_eq!((failed.attempt, failed.retry_after, f.queue.open()), (2, None, 0));
}

#[test]
fn a_request_can_be_called_off_by_an_id_that_joined_it() {
    let mut f = Fixture::new("");
    f.admit("1", "forum", "task");
    f.admit("2", "forum", "task");
    let cancelled = f.queue.cancel(&"2".parse().unwrap(), f.now);
    assert_eq!(cancelled, Some(Cancelled::Waiting(request("1", "forum", "task"), 0)));
    assert_eq!(f.queue.cancel(&"1".parse().unwrap(), f.now), None);
}

#[test]
fn a_request_that_runs_as_its_user_needs_a_listener_of_that_user() {
    let mut f = Fixture::new("[action.task]\nrun-as = 'request'");
    f.admit("1", "forum", "task");
    let forum = Need::User("forum".parse().unwrap());
    assert_eq!(f.queue.needs(&f.policy, f.now), std::slice::from_ref(&forum));
    assert_eq!(f.start(10), None);
    assert!(f.queue.start(10, &forum, &f.policy, f.now).is_some());
}

/// All of a queue that is seen from outside, and what is not.
fn whole(queue: &Queue) -> String {
    format!("{:?} {:?}", queue.waiting, queue.runs)
}

#[test]
fn what_is_taken_back_has_never_been() {
    let mut f = Fixture::new(
        "[action.new]\noverlap = 'replace'\n[action.old]\nretry = { attempts = 3, backoff = '5m' }",
    );
    f.admit("1", "forum", "new");
    f.admit("2", "forum", "old");
    f.start(10).unwrap();
    f.start(11).unwrap();
    f.finish(11, Status::Exited(1));
    let end = End { attempt: 1, outcome: Outcome::Failed(1), took_ms: 5 };
    let at = Timestamp::UNIX_EPOCH;
    let failed = RetriedAttempt { ended_at: at, end, not_before: at, note: None };
    f.queue.note_failure(&"2".parse().unwrap(), failed.clone());
    f.admit("3", "forum", "plain");
    f.admit("4", "forum", "other");
    f.queue.settle();
    let before = whole(&f.queue);

    f.queue.admit(request("5", "forum", "new"), &f.policy, f.now).unwrap();
    f.queue.admit(request("6", "forum", "new"), &f.policy, f.now).unwrap();
    f.queue.admit(request("7", "forum", "old"), &f.policy, f.now).unwrap();
    f.queue.admit(request("8", "forum", "plain"), &f.policy, f.now).unwrap();
    f.queue.cancel(&"4".parse().unwrap(), f.now).unwrap();
    f.queue.start(12, &Need::Own, &f.policy, f.now).unwrap();
    f.queue.start(13, &Need::Own, &f.policy, f.now).unwrap();
    f.queue.cancel(&"3".parse().unwrap(), f.now).unwrap();
    assert_ne!(whole(&f.queue), before);
    f.queue.go_back();
    assert_eq!(whole(&f.queue), before);
    assert!(f.queue.waiting().any(|waiting| waiting.failed.as_ref() == Some(&failed)));
    f.queue.go_back();
    assert_eq!(whole(&f.queue), before, "there is no way back beyond what stands");
}

#[test]
fn what_needs_the_service_waits_until_it_is_up_and_what_needs_nothing_does_not() {
    let mut f = Fixture::new("[action.check]\nneeds = 'nothing'");
    f.queue.hold();
    f.admit("1", "forum", "backup");
    f.admit("2", "forum", "check");
    assert_eq!(f.queue.needs(&f.policy, f.now), [Need::Own]);
    assert_eq!(f.start(10).as_deref(), Some("2"));
    assert_eq!(f.start(11), None);
    assert!(f.queue.release(&f.policy), "somebody has waited");
    assert_eq!(f.start(11).as_deref(), Some("1"));
}

#[test]
fn what_waits_for_the_service_is_tired_when_its_actions_time_is_over() {
    let mut f = Fixture::new("[action.backup]\ntimeout = '2h'\n[action.check]\nneeds = 'nothing'");
    f.queue.hold();
    f.admit("1", "forum", "check");
    assert_eq!(f.queue.tired_deadline(&f.policy), None);
    f.admit("2", "forum", "backup");
    f.admit("3", "root", "rotate");
    assert_eq!(f.queue.tired_deadline(&f.policy), Some(f.now + HOUR));
    f.now += HOUR;
    let tired = |f: &mut Fixture| -> Vec<String> {
        let tired = f.queue.tired(&f.policy, f.now);
        tired.iter().map(|tired| tired.request.id.to_string()).collect()
    };
    assert_eq!(tired(&mut f), ["3"]);
    assert_eq!(tired(&mut f), [""; 0], "once");
    f.now += HOUR;
    f.queue.release(&f.policy);
    assert_eq!(tired(&mut f), [""; 0], "nothing is held any more");
    assert_eq!(f.queue.open(), 2);
}
