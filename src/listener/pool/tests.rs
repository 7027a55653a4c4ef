//! The pool's rules, one by one.

use super::forks::FORK_AGAIN;
use super::*;

const OWN: Purpose = Purpose::Request(Need::Own);

/// A pool that forks nobody.
fn alone(has_last_good: bool) -> Pool {
    Pool::new(1, has_last_good, Some("not here".to_owned()))
}

fn start(pool: &mut Pool, pid: Pid, purpose: Purpose, source: Source) -> Key {
    let key = pool.add(purpose, source, Instant::now());
    pool.started(key, pid, format!("token-{pid}"));
    key
}

fn start_ready(pool: &mut Pool, pid: Pid) -> Key {
    let key = start(pool, pid, OWN, Source::Current);
    pool.ready(key, &["CB_backup".into()], None, Instant::now());
    key
}

fn own(count: usize) -> Vec<Need> {
    vec![Need::Own; count]
}

#[test]
fn one_waits_when_nothing_is_asked_and_more_when_much_is() {
    let mut pool = alone(false);
    let now = Instant::now();
    assert_eq!(pool.wanted(&own(5), now), [(OWN, Source::Current)], "one try until it is good");
    start_ready(&mut pool, 10);
    assert_eq!(pool.wanted(&[], now), []);
    assert_eq!(pool.wanted(&own(1), now), []);
    assert_eq!(pool.wanted(&own(2), now).len(), 1);
    assert_eq!(pool.wanted(&own(100), now).len(), MOST_STARTING);
}

#[test]
fn a_listener_is_taken_once_and_its_successor_wanted_at_once() {
    let mut pool = alone(false);
    let key = start_ready(&mut pool, 10);
    assert_eq!(pool.take(&Need::Own), Some(key));
    assert_eq!(pool.take(&Need::Own), None);
    assert_eq!(pool.wanted(&[], Instant::now()).len(), 1);
    pool.untake(key);
    assert_eq!(pool.take(&Need::Own), Some(key));
}

#[test]
fn callbacks_that_are_never_read_to_their_end_are_tried_seldom_for_ever() {
    let mut pool = alone(false);
    let begin = Instant::now();
    let (mut now, mut tried) = (begin, Vec::new());
    while now < begin + Duration::from_secs(3600) {
        assert_eq!(pool.wanted(&[], now).len(), 1);
        tried.push(now);
        let key = pool.add(OWN, Source::Current, now);
        pool.started(key, 10, "token".into());
        now = pool.deadline().unwrap();
        assert_eq!(pool.deadline_passed(now), [10]);
        pool.ended(10, &"was killed", "", now);
        now = pool.deadline().unwrap();
        assert!(pool.deadline_passed(now).is_empty());
    }
    let gaps: Vec<_> = tried.windows(2).map(|pair| pair[1] - pair[0]).skip(8).collect();
    assert!(gaps.iter().all(|gap| *gap >= LONGEST_WAIT / 2), "{gaps:?}");
}

#[test]
fn callbacks_that_cannot_be_read_cost_a_handful_of_starts_a_minute() {
    let mut pool = alone(false);
    let begin = Instant::now();
    let (mut now, mut starts) = (begin, 0);
    while now < begin + Duration::from_secs(60) {
        assert_eq!(pool.wanted(&own(5), now).len(), 1, "one try at a time");
        start(&mut pool, 10, OWN, Source::Current);
        pool.ended(10, &"died", "", now);
        starts += 1;
        assert_eq!(pool.wanted(&own(5), now), []);
        assert!(matches!(pool.actions(), Some(Err(_))));
        now = pool.deadline().unwrap();
        assert!(pool.deadline_passed(now).is_empty());
    }
    assert!(starts <= 12, "{starts} starts");
}

#[test]
fn the_last_good_callbacks_go_on_while_those_on_disk_are_broken() {
    let mut pool = alone(false);
    let now = Instant::now();
    start_ready(&mut pool, 10);
    pool.callbacks_changed();
    assert_eq!(pool.actions(), None, "what the new ones offer is to be seen");
    pool.dismiss_idle();
    start(&mut pool, 11, OWN, Source::Current);
    pool.ended(11, &"died", "", now);
    assert!(matches!(pool.actions(), Some(Ok(_))));
    assert!(pool.broken().unwrap().ends_with("the last good callbacks go on"));
    assert_eq!(pool.wanted(&[], now), [(OWN, Source::LastGood)]);
    let good = start(&mut pool, 12, OWN, Source::LastGood);
    assert!(!pool.ready(good, &["CB_backup".into()], None, Instant::now()), "no copy is made of the copy");
    assert_eq!(pool.take(&Need::Own), Some(good));

    let later = pool.deadline().unwrap();
    pool.deadline_passed(later);
    assert!(pool.wanted(&[], later).contains(&(OWN, Source::Current)), "those on disk are tried again");
    let mended = start(&mut pool, 13, OWN, Source::Current);
    assert!(pool.ready(mended, &["CB_new".into()], None, Instant::now()));
    assert_eq!(pool.broken(), None);
    assert_eq!(pool.serving(), Source::Current);
}

#[test]
fn a_copy_from_an_earlier_supervisor_serves_too_and_may_fail_itself() {
    let mut pool = alone(true);
    let now = Instant::now();
    start(&mut pool, 10, OWN, Source::Current);
    pool.ended(10, &"died", "", now);
    assert_eq!(pool.actions(), None, "the copy is being read");
    start(&mut pool, 11, OWN, Source::LastGood);
    pool.ended(11, &"died", "", now);
    assert!(matches!(pool.actions(), Some(Err(_))));
    assert_eq!(pool.wanted(&[], now), [], "not before its wait is over");
}

#[test]
fn a_dismissed_listener_is_no_failure() {
    let mut pool = alone(false);
    start_ready(&mut pool, 10);
    assert_eq!(pool.dismiss_idle(), [10]);
    assert_eq!(pool.ended(10, &"died", "", Instant::now()).unwrap().stage, Stage::Dismissed);
    assert_eq!(pool.broken(), None);
}

#[test]
fn a_burst_leaves_one_waiting() {
    let mut pool = alone(false);
    for pid in [10, 11, 12] {
        start_ready(&mut pool, pid);
    }
    assert_eq!(pool.dismiss_surplus(&[], 0), [11, 12]);
    assert_eq!(pool.wanted(&[], Instant::now()), []);
}

#[test]
fn a_user_has_listeners_of_its_own_as_long_as_it_needs_them() {
    let mut pool = alone(false);
    let now = Instant::now();
    let forum = Need::User("forum".parse().unwrap());
    start_ready(&mut pool, 10);
    let wanted = pool.wanted(std::slice::from_ref(&forum), now);
    assert_eq!(wanted, [(Purpose::Request(forum.clone()), Source::Current)]);
    let key = start(&mut pool, 11, Purpose::Request(forum.clone()), Source::Current);
    pool.ready(key, &["CB_backup".into()], None, Instant::now());
    assert_eq!(pool.dismiss_surplus(&[], 0), [11], "nobody needs it any more");
    assert_eq!(pool.take(&forum), None);
}

#[test]
fn a_users_listener_that_fails_says_nothing_about_the_callbacks() {
    let mut pool = alone(false);
    start_ready(&mut pool, 10);
    start(&mut pool, 11, Purpose::Request(Need::User("forum".parse().unwrap())), Source::Current);
    assert_eq!(pool.ended(11, &"died", "", Instant::now()).unwrap().stage, Stage::Starting);
    assert_eq!(pool.broken(), None);
}

#[test]
fn a_health_listener_is_never_taken_for_a_request() {
    let mut pool = alone(false);
    let key = start(&mut pool, 10, Purpose::Health, Source::Current);
    pool.ready(key, &[], None, Instant::now());
    assert_eq!(pool.take(&Need::Own), None);
    assert_eq!(pool.wanted(&[], Instant::now()).len(), 1);
}

#[test]
fn a_listener_that_reads_its_callbacks_for_ever_is_ended_once() {
    let mut pool = alone(false);
    start(&mut pool, 10, OWN, Source::Current);
    let late = pool.deadline().unwrap();
    assert_eq!(pool.deadline_passed(late), [10]);
    assert_eq!(pool.deadline(), None);
    pool.ended(10, &"was killed", "", late);
    assert!(matches!(pool.actions(), Some(Err(_))));
}

/// A pool with a listener, process 10, that has read the callbacks and forks others.
fn forking() -> (Pool, Key) {
    let mut pool = Pool::new(1, false, None);
    assert_eq!(pool.wanted(&own(5), Instant::now()), [(Purpose::Forking, Source::Current)]);
    let key = start(&mut pool, 10, Purpose::Forking, Source::Current);
    assert_eq!(pool.wanted(&own(5), Instant::now()), [], "one reads them");
    pool.ready(key, &["CB_backup".into()], None, Instant::now());
    assert_eq!(pool.wanted(&own(5), Instant::now()), []);
    (pool, key)
}

fn fork(pool: &mut Pool, forking: Key, pid: Pid) -> Key {
    let key = pool.add_fork(forking, Instant::now());
    assert_eq!(pool.forked(key, pid, format!("token-{pid}")), None);
    key
}

#[test]
fn one_listener_reads_the_callbacks_and_forks_who_waits() {
    let (mut pool, forking) = forking();
    assert_eq!(pool.take(&Need::Own), None, "it takes no request itself");
    assert_eq!(pool.wanted_forks(0, 0), Some((forking, 1)));
    let key = fork(&mut pool, forking, 11);
    assert_eq!(pool.wanted_forks(0, 0), None);
    assert_eq!(pool.take(&Need::Own), Some(key));
    assert_eq!(pool.wanted_forks(0, 0), Some((forking, 1)));
}

#[test]
fn while_much_is_asked_some_are_forked_at_a_time() {
    let (mut pool, forking) = forking();
    assert_eq!(pool.wanted_forks(2, 8), Some((forking, 8)));
    for pid in 11..19 {
        fork(&mut pool, forking, pid);
    }
    let take = |pool: &mut Pool| pool.take(&Need::Own).map(|key| pool.handed(key)).unwrap();
    (0..4).for_each(|_| take(&mut pool));
    assert_eq!(pool.wanted_forks(0, 8), None);
    take(&mut pool);
    assert_eq!(pool.wanted_forks(0, 8), Some((forking, 5)));
    assert_eq!(pool.dismiss_surplus(&[], 1), [17, 18], "one waits when no more is asked");
}

#[test]
fn whose_callbacks_cannot_be_forked_takes_a_request_itself_until_they_change() {
    let mut pool = Pool::new(1, false, None);
    let now = Instant::now();
    let key = start(&mut pool, 10, Purpose::Forking, Source::Current);
    pool.ready(key, &["CB_backup".into()], Some("a trap".into()), now);
    assert_eq!((pool.unforkable(), pool.wanted_forks(1, 1)), (Some("a trap"), None));
    assert_eq!(pool.take(&Need::Own), Some(key));
    assert_eq!(pool.wanted(&[], now), [(OWN, Source::Current)]);
    pool.callbacks_changed();
    assert_eq!(pool.wanted(&[], now), [(Purpose::Forking, Source::Current)]);
}

#[test]
fn a_fork_that_nobody_needs_any_more_is_ended_when_it_is_there() {
    let (mut pool, forking) = forking();
    let key = pool.add_fork(forking, Instant::now());
    assert_eq!(pool.dismiss_idle(), [10]);
    assert_eq!(pool.forked(key, 11, "token".into()), Some(11));
}

#[test]
fn when_who_forks_has_ended_those_that_wait_are_as_good_as_before() {
    let (mut pool, forking) = forking();
    let waits = fork(&mut pool, forking, 11);
    let asked_for = pool.add_fork(forking, Instant::now());
    assert_eq!(pool.ended(10, &"was killed", "", Instant::now()).unwrap().stage, Stage::Forking);
    assert!(pool.broken().unwrap().starts_with("the listener was killed while it waited for a request"));
    assert_eq!(pool.forked(asked_for, 12, "token".into()), None, "nobody knows of it any more");
    assert_eq!(pool.take(&Need::Own), Some(waits));
    let later = pool.deadline().unwrap();
    pool.deadline_passed(later);
    assert_eq!(pool.wanted(&[], later), [(Purpose::Forking, Source::Current)]);
}

#[test]
fn who_could_not_fork_is_ended_and_another_one_is_to_fork_later() {
    let (mut pool, forking) = forking();
    let now = Instant::now();
    let keys = [pool.add_fork(forking, Instant::now()), pool.add_fork(forking, Instant::now())];
    assert_eq!(keys.map(|key| pool.not_forked(key, "it could not", now)), [Some(10), None]);
    assert_eq!(pool.ended(10, &"was killed", "", Instant::now()).unwrap().stage, Stage::Dismissed);
    assert_eq!(pool.wanted(&[], now), [(OWN, Source::Current)]);
    assert_eq!(pool.broken(), None);
    assert_eq!(pool.wanted(&[], now + FORK_AGAIN), [(Purpose::Forking, Source::Current)]);
    let later = start(&mut pool, 11, Purpose::Forking, Source::Current);
    assert_eq!(pool.wanted(&[], now + FORK_AGAIN), []);
    pool.ready(later, &["CB_backup".into()], None, now + FORK_AGAIN);
    assert_eq!((pool.unforkable(), pool.wanted_forks(0, 0)), (None, Some((later, 1))));
}

#[test]
fn who_forks_for_ever_is_ended() {
    let (mut pool, forking) = forking();
    assert_eq!(pool.deadline(), None);
    pool.add_fork(forking, Instant::now());
    let late = pool.deadline().unwrap();
    assert_eq!(pool.deadline_passed(late), [10]);
    assert_eq!(pool.deadline(), None);
}
