//! What alarms are told when: no process, no clock but ours.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use jiff::Timestamp;
use lamplighter::outcome::Outcome;
use lamplighter::scheduler::alarms::decide::{Action, Alarms, Event, PAUSE, RunMoment, Wishes};
use lamplighter::scheduler::alarms::memory::Memory;
use lamplighter::scheduler::alarms::outbox::{MOST, TRIES};

/// 2026-05-01 04:05 UTC.
const START: i64 = 1_777_608_300;

/// Alarms with a notifier that tells everything at once, unless it fails.
struct World {
    alarms: Alarms,
    now: i64,
    /// What the notifier was told: kind, what it is about, and how many before were not told.
    told: Vec<String>,
    /// Why nobody can be told at the moment.
    problem: Option<String>,
    /// How often the notifier was run.
    runs: usize,
    /// What is on disk.
    disk: Option<Memory>,
    said: Vec<String>,
}

impl World {
    fn new(wishes: Wishes) -> Self {
        Self::from(Memory::new(at(START)), wishes)
    }

    fn from(memory: Memory, wishes: Wishes) -> Self {
        Self {
            alarms: Alarms::new(memory, wishes),
            now: START,
            told: Vec::new(),
            problem: None,
            runs: 0,
            disk: None,
            said: Vec::new(),
        }
    }

    fn event(&mut self, event: Event) {
        for action in self.alarms.handle(self.now, event) {
            match action {
                Action::Save => self.disk = Some(self.alarms.memory()),
                Action::Complain(text) => self.said.push(text),
                Action::Run(message) => {
                    self.runs += 1;
                    if self.problem.is_none() {
                        let about = message.notice.summary();
                        self.told.push(format!(
                            "{}: {about} ({})",
                            message.notice.kind, message.notice.suppressed
                        ));
                    }
                    self.event(Event::Told(self.problem.clone()));
                }
            }
        }
    }

    /// Lets time pass, waking the alarms when they asked for it.
    fn run_for(&mut self, seconds: i64) {
        let end = self.now + seconds;
        while let Some(wake) = self.alarms.wake_at().filter(|&wake| wake <= end) {
            assert!(wake > self.now || wake == i64::MIN, "they ask to be woken at once, for ever");
            self.now = self.now.max(wake);
            self.event(Event::Tick);
        }
        self.now = end;
    }

    /// A run of the backup ends now.
    fn ends(&mut self, id: &str, outcome: Outcome) {
        let run = run(id, self.now);
        self.event(Event::Ended { run, outcome, note: None });
    }

    fn told(&mut self) -> Vec<String> {
        std::mem::take(&mut self.told)
    }

    /// Dies, and goes on from what is on disk.
    fn restart(&mut self) {
        let text = serde_json::to_string(self.disk.as_ref().unwrap()).unwrap();
        let memory = serde_json::from_str(&text).unwrap();
        self.alarms = Alarms::new(memory, Wishes::default());
        self.event(Event::Tick);
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn run(id: &str, second: i64) -> RunMoment {
    RunMoment {
        service: "mysql".parse().unwrap(),
        action: "backup".parse().unwrap(),
        user: "root".parse().unwrap(),
        id: id.parse().unwrap(),
        at: at(second),
    }
}

fn everything() -> Wishes {
    Wishes { all: true, sign_of_life: None }
}

#[test]
fn each_bad_end_is_an_alarm_and_others_are_none() {
    let mut world = World::new(Wishes::default());
    let outcomes =
        [Outcome::Failed(3), Outcome::TimedOut, Outcome::Interrupted, Outcome::Cancelled, Outcome::Skipped];
    for (number, outcome) in outcomes.into_iter().enumerate() {
        world.ends(&format!("a{number}"), outcome);
    }
    world.event(Event::Missed(run("b", START), "nobody was there".to_owned()));
    assert_eq!(
        world.told(),
        [
            "failed: mysql: backup failed with status 3 (0)",
            "timed-out: mysql: backup was ended because it took too long (0)",
            "interrupted: mysql: backup was interrupted (0)",
            "missed: mysql: backup was missed (0)"
        ]
    );
}

#[test]
fn what_keeps_failing_is_told_at_once_then_once_an_hour_with_a_count_and_its_recovery_once() {
    let mut world = World::new(Wishes::default());
    for number in 0..26 {
        world.ends(&format!("a{number}"), Outcome::Failed(1));
        world.run_for(PAUSE / 12);
    }
    assert_eq!(
        world.told(),
        [
            "failed: mysql: backup failed with status 1 (0)",
            "failed: mysql: backup failed with status 1 (11)",
            "failed: mysql: backup failed with status 1 (11)"
        ]
    );
    world.ends("b", Outcome::Succeeded);
    world.ends("c", Outcome::Succeeded);
    assert_eq!(world.told(), ["recovered: mysql: backup is well again (1)"]);
    world.ends("d", Outcome::Failed(1));
    assert_eq!(world.told().len(), 1, "after a recovery a failure is news");
}

#[test]
fn kinds_and_actions_do_not_silence_one_another() {
    let mut world = World::new(Wishes::default());
    world.ends("a", Outcome::Failed(1));
    world.ends("b", Outcome::TimedOut);
    let other = RunMoment { action: "restore-drill".parse().unwrap(), ..run("c", START) };
    world.event(Event::Ended { run: other.clone(), outcome: Outcome::Failed(1), note: None });
    assert_eq!(world.told().len(), 3);
    world.ends("d", Outcome::Succeeded);
    assert_eq!(world.told(), ["recovered: mysql: backup is well again (0)"], "of both kinds at once");
    world.event(Event::HadSucceeded(other.service, other.action, at(START + 1)));
    assert_eq!(world.told(), ["recovered: mysql: restore-drill is well again (0)"]);
}

#[test]
fn the_same_run_raises_no_second_alarm_however_often_and_whenever_it_is_heard_of() {
    let mut world = World::new(Wishes::default());
    world.ends("a", Outcome::Failed(1));
    world.told();
    world.run_for(2 * PAUSE);
    let again = Event::Ended { run: run("a", START), outcome: Outcome::Failed(1), note: None };
    world.event(again.clone());
    world.restart();
    world.event(again);
    assert_eq!(world.told(), [""; 0]);
}

#[test]
fn what_ended_before_the_first_start_is_nobodys_alarm() {
    let mut world = World::new(Wishes::default());
    world.event(Event::Ended { run: run("a", START - 1), outcome: Outcome::Failed(1), note: None });
    assert_eq!(world.told(), [""; 0]);
}

#[test]
fn a_success_from_before_the_alarm_is_no_recovery() {
    let mut world = World::new(Wishes::default());
    world.ends("a", Outcome::Failed(1));
    world.told();
    let name = run("a", 0);
    world.event(Event::HadSucceeded(name.service, name.action, at(START - 1)));
    assert_eq!(world.told(), [""; 0]);
}

#[test]
fn a_state_is_told_when_it_begins_and_when_it_ends() {
    let mut world = World::new(Wishes::default());
    let RunMoment { service, action, at: now, .. } = run("a", START);
    for _ in 0..3 {
        world.event(Event::Overdue(service.clone(), action.clone(), now, None));
        world.event(Event::Unreachable(service.clone(), now, "no socket".to_owned()));
        world.run_for(2 * PAUSE);
    }
    assert_eq!(
        world.told(),
        ["overdue: mysql: backup is overdue (0)", "unreachable: mysql cannot be reached (0)"]
    );
    world.restart();
    world.event(Event::Overdue(service.clone(), action.clone(), at(world.now), None));
    for _ in 0..2 {
        world.event(Event::OnTime(service.clone(), action.clone(), at(world.now)));
        world.event(Event::Reachable(service.clone(), at(world.now)));
    }
    assert_eq!(
        world.told(),
        ["recovered: mysql: backup is well again (0)", "recovered: mysql is well again (0)"]
    );
}

#[test]
fn being_on_time_does_not_make_up_for_a_failure() {
    let mut world = World::new(Wishes::default());
    let RunMoment { service, action, .. } = run("a", START);
    world.ends("a", Outcome::Failed(1));
    world.event(Event::Overdue(service.clone(), action.clone(), at(START), None));
    world.told();
    world.event(Event::OnTime(service, action, at(START)));
    assert_eq!(world.told().len(), 1, "no longer overdue");
    world.ends("b", Outcome::Succeeded);
    assert_eq!(world.told().len(), 1, "no longer failing");
}

#[test]
fn each_problem_of_a_service_is_told_once_and_once_that_it_is_over() {
    let mut world = World::new(Wishes::default());
    let problems = |world: &World, about: &[&str]| {
        let problems = about.iter().map(|about| ((*about).to_owned(), format!("{about} is wrong"))).collect();
        Event::Problems("mysql".parse().unwrap(), at(world.now), problems)
    };
    let event = |world: &mut World, about: &[&str]| world.event(problems(world, about));
    event(&mut world, &[]);
    event(&mut world, &["a"]);
    event(&mut world, &["a", "backup"]);
    assert_eq!(
        world.told(),
        ["problem: mysql: a is wrong (0)", "problem: mysql: backup is wrong (0)"],
        "each by itself"
    );
    world.restart();
    world.ends("a", Outcome::Succeeded);
    event(&mut world, &["a", "backup"]);
    assert_eq!(world.told(), [""; 0], "a success of an action that is called so ends no problem");
    event(&mut world, &["backup"]);
    assert_eq!(world.told(), ["recovered: mysql: a is well again (0)"]);
    event(&mut world, &[]);
    event(&mut world, &["backup"]);
    assert_eq!(
        world.told(),
        ["recovered: mysql: backup is well again (0)", "problem: mysql: backup is wrong (0)"]
    );
}

#[test]
fn starts_and_successes_are_told_to_who_wants_them_alone() {
    let mut world = World::new(Wishes::default());
    world.event(Event::Started(run("a", START)));
    world.ends("a", Outcome::Succeeded);
    assert_eq!((world.told(), world.disk.clone()), (vec![], None));
    let mut world = World::new(everything());
    world.event(Event::Started(run("a", START)));
    world.ends("a", Outcome::Succeeded);
    assert_eq!(
        world.told(),
        ["started: mysql: backup has started (0)", "succeeded: mysql: backup succeeded (0)"]
    );
}

#[test]
fn a_sign_of_life_is_given_at_the_start_and_regularly_also_after_the_clock_was_set_back() {
    let mut world = World::new(Wishes { all: false, sign_of_life: Some(600) });
    world.run_for(1_800);
    assert_eq!(world.told().len(), 4);
    world.now -= 7 * 86_400;
    world.event(Event::Tick);
    assert_eq!(world.told().len(), 1);
    world.run_for(1_200);
    assert_eq!(world.told().len(), 2);
}

#[test]
fn a_failing_notifier_is_run_a_few_times_and_then_once_an_hour_and_that_is_said() {
    let mut world = World::new(Wishes::default());
    world.problem = Some("notify told nobody: it exited with status 1".to_owned());
    world.ends("a", Outcome::Failed(1));
    world.run_for(PAUSE / 2);
    assert_eq!(world.runs, TRIES as usize);
    let last = "notify told nobody: it exited with status 1; nobody is told yet, and it is run again once an \
                hour: mysql: backup failed with status 1";
    assert_eq!(world.said.last().unwrap(), last);
    world.run_for(5 * PAUSE);
    assert_eq!(world.runs, TRIES as usize + 5);
}

#[test]
fn what_could_not_be_told_for_hours_is_told_once_the_notifier_works_again() {
    let mut world = World::new(Wishes::default());
    world.problem = Some("no network".to_owned());
    let RunMoment { service, action, .. } = run("a", START);
    world.event(Event::Overdue(service.clone(), action.clone(), at(START), None));
    world.ends("a", Outcome::Failed(1));
    for number in 0..10 {
        world.run_for(PAUSE / 2 + 1);
        world.ends(&format!("b{number}"), Outcome::Failed(1));
    }
    world.event(Event::Unreachable(service.clone(), at(world.now), "no socket".to_owned()));
    world.problem = None;
    world.restart();
    let told = [
        "overdue: mysql: backup is overdue (0)",
        "failed: mysql: backup failed with status 1 (0)",
        "unreachable: mysql cannot be reached (0)",
    ];
    assert_eq!(world.told(), told);
    world.run_for(PAUSE);
    world.ends("c", Outcome::Failed(1));
    assert_eq!(
        world.told(),
        ["failed: mysql: backup failed with status 1 (10)"],
        "and none is lost count of"
    );

    world.problem = Some("no network".to_owned());
    world.ends("d", Outcome::Succeeded);
    world.run_for(PAUSE + PAUSE / 2);
    world.problem = None;
    world.run_for(PAUSE);
    assert_eq!(world.told(), ["recovered: mysql: backup is well again (0)"], "a recovery too");
}

#[test]
fn a_recovery_is_not_told_before_the_alarm_that_it_is_about() {
    let mut world = World::new(Wishes::default());
    world.problem = Some("no network".to_owned());
    world.ends("a", Outcome::Failed(1));
    world.run_for(PAUSE);
    world.problem = None;
    world.ends("b", Outcome::Succeeded);
    assert_eq!(
        world.told(),
        ["failed: mysql: backup failed with status 1 (0)", "recovered: mysql: backup is well again (0)"]
    );
}

#[test]
fn what_was_not_told_when_the_scheduler_died_is_told_after_its_restart_and_only_then() {
    let mut world = World::new(everything());
    world.problem = Some("no network".to_owned());
    world.ends("a", Outcome::Failed(1));
    world.event(Event::Started(run("b", START)));
    world.problem = None;
    world.restart();
    assert_eq!(world.told(), ["failed: mysql: backup failed with status 1 (0)"]);
    world.restart();
    assert_eq!(world.told(), [""; 0]);
}

#[test]
fn what_is_to_be_told_is_on_disk_before_the_notifier_runs() {
    let mut alarms = Alarms::new(Memory::new(at(START)), Wishes::default());
    let event = Event::Ended { run: run("a", START), outcome: Outcome::Failed(1), note: None };
    let actions = alarms.handle(START, event);
    assert!(matches!(actions[..], [Action::Save, Action::Run(_)]), "{actions:?}");
}

#[test]
fn no_more_waits_than_there_is_room_for_and_what_has_none_is_said() {
    let mut world = World::new(Wishes::default());
    world.problem = Some("no network".to_owned());
    for number in 0..=MOST {
        let action = format!("action-{number}").parse().unwrap();
        let run = RunMoment { action, ..run(&format!("a{number}"), START) };
        world.event(Event::Ended { run, outcome: Outcome::Failed(1), note: None });
    }
    let dropped = "too much is to be told; nobody is told yet: mysql: action-0 failed with status 1";
    assert!(world.said.iter().any(|said| said == dropped), "{:?}", world.said);

    world.problem = None;
    world.restart();
    let told = world.told();
    assert_eq!(told.len(), MOST + 1, "and all of it is told later");
    assert_eq!(told.last().unwrap(), "failed: mysql: action-0 failed with status 1 (0)");
}

#[test]
fn what_a_wrong_clock_noted_for_a_time_to_come_silences_nothing() {
    const YEAR: i64 = 365 * 86_400;
    let RunMoment { service, action, .. } = run("a", START);
    for is_restarted in [false, true] {
        let mut world = World::from(Memory::new(at(START + YEAR)), Wishes::default());
        world.now += YEAR;
        world.ends("a", Outcome::Failed(1));
        world.event(Event::Overdue(service.clone(), action.clone(), at(world.now), None));
        assert_eq!(world.told().len(), 2);
        world.now -= YEAR;
        if is_restarted {
            world.restart();
        } else {
            world.event(Event::Tick);
        }
        world.now += 60;
        world.ends("b", Outcome::Succeeded);
        assert_eq!(world.told(), ["recovered: mysql: backup is well again (0)"]);
        world.ends("c", Outcome::Failed(1));
        world.event(Event::Overdue(service.clone(), action.clone(), at(world.now), None));
        assert_eq!(
            world.told(),
            ["failed: mysql: backup failed with status 1 (0)", "overdue: mysql: backup is overdue (0)"]
        );
    }
}
