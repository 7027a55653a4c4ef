//! The scheduler under a clock of our own: what arrives where and when, through daylight saving, clock steps,
//! silent services, restarts and reloads. No process, no socket, no waiting.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::HashSet;

use jiff::Timestamp;
use lamplighter::names::ServiceName;
use lamplighter::schedule::{Zone, parse};
use lamplighter::scheduler::machine::{Action, Answer, Event, Level, Machine};
use lamplighter::scheduler::record::{Memory, Record};

/// A stack in which nothing is real.
struct World {
    machine: Machine,
    now: i64,
    /// What is on the disk.
    disk: Vec<Record>,
    /// Services that cannot be reached, and those that refuse.
    away: HashSet<ServiceName>,
    refusing: HashSet<ServiceName>,
    /// What arrived, once for each id, and how often it was sent.
    arrived: Vec<String>,
    ids: HashSet<String>,
    /// What was said at warnings and errors.
    said: Vec<String>,
    /// What alarms were raised.
    alarms: Vec<String>,
}

impl World {
    fn new(start: &str) -> Self {
        Self {
            machine: Machine::new(Memory::default(), "boot 1"),
            now: second(start),
            disk: Vec::new(),
            away: HashSet::new(),
            refusing: HashSet::new(),
            arrived: Vec::new(),
            ids: HashSet::new(),
            said: Vec::new(),
            alarms: Vec::new(),
        }
    }

    /// A world in which a schedule has just been loaded.
    fn with(start: &str, schedule: &str) -> Self {
        let mut world = Self::new(start);
        world.load(schedule);
        world
    }

    fn load(&mut self, schedule: &str) {
        let schedule = parse(schedule.as_bytes(), &Zone::utc());
        self.event(Event::Loaded(schedule));
    }

    fn event(&mut self, event: Event) {
        let actions = self.machine.handle(self.now, event);
        for action in actions {
            self.perform(action);
        }
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Record(records) | Action::RecordLazily(records) => self.disk.extend(records),
            Action::Tell(Level::Info, _) => {}
            Action::Tell(_, text) => self.said.push(text),
            Action::Missed(occurrence, why) => {
                self.alarms.push(format!("missed {}: {why}", occurrence.action));
            }
            Action::Unreachable(service, _) => self.alarms.push(format!("unreachable {service}")),
            Action::Reachable(service) => self.alarms.push(format!("reachable {service}")),
            Action::Send(service, occurrences) => {
                for occurrence in &occurrences {
                    assert!(
                        self.disk.contains(&Record::Due(occurrence.clone())),
                        "{occurrence} was sent before it was on disk"
                    );
                }
                if self.away.contains(&service) {
                    return self.event(Event::Closed(service, Some("cannot reach it".to_owned())));
                }
                for occurrence in occurrences {
                    let answer = if self.refusing.contains(&service) {
                        Answer::Refused("unknown-action: no".to_owned())
                    } else {
                        let id = occurrence.id();
                        if self.ids.insert(id.to_string()) {
                            let time = Timestamp::from_second(self.now).unwrap();
                            let (user, action) = (&occurrence.user, &occurrence.action);
                            self.arrived.push(format!("{time} {service}: {user} {action}"));
                        }
                        Answer::Accepted(id)
                    };
                    self.event(Event::Answered(service.clone(), occurrence.key(), answer));
                }
                self.event(Event::Closed(service, None));
            }
        }
    }

    /// Lets time pass, waking the scheduler when it asked for it.
    fn run_to(&mut self, end: &str) {
        let end = second(end);
        while let Some(wake) = self.machine.wake_at().filter(|&wake| wake <= end) {
            assert!(wake > self.now || self.now >= end, "it asks to be woken at once, for ever");
            self.now = self.now.max(wake);
            self.event(Event::Tick);
        }
        self.now = end;
    }

    /// Sets the clock, which wakes the scheduler.
    fn set_clock(&mut self, time: &str) {
        self.now = second(time);
        self.event(Event::Tick);
    }

    /// Ends the scheduler without a warning and starts it again from its disk.
    fn restart(&mut self, boot: &str, schedule: Option<&str>) {
        self.machine = Machine::new(remember(&self.disk), boot);
        match schedule {
            Some(schedule) => self.load(schedule),
            None => self.event(Event::Unreadable("cannot read the schedule".to_owned())),
        }
    }

    fn took(&mut self) -> Vec<String> {
        std::mem::take(&mut self.arrived)
    }
}

fn remember(records: &[Record]) -> Memory {
    let mut memory = Memory::default();
    for record in records {
        memory.apply(record.clone());
    }
    memory
}

fn second(time: &str) -> i64 {
    time.parse::<Timestamp>().unwrap().as_second()
}

const NIGHTLY: &str = "5 4 * * * forum mysql backup";

#[test]
fn an_entry_is_asked_for_in_the_second_it_names() {
    let mut world = World::with("2026-05-01T04:04:59Z", NIGHTLY);
    world.run_to("2026-05-02T12:00:00Z");
    assert_eq!(
        world.took(),
        ["2026-05-01T04:05:00Z mysql: forum backup", "2026-05-02T04:05:00Z mysql: forum backup"]
    );
    assert_eq!(world.said, [""; 0]);
}

#[test]
fn both_changes_of_a_year_bring_each_night_one_backup_and_a_pattern_its_wall_clock() {
    let schedule = "CRON_TZ=Europe/Berlin\n30 2 * * * a nightly\n*/30 2 * * * a pattern";
    let mut world = World::with("2026-03-29T00:00:00Z", schedule);
    world.run_to("2026-03-29T12:00:00Z");
    assert_eq!(world.took(), ["2026-03-29T01:00:00Z a: root nightly"]);

    let mut world = World::with("2026-10-24T12:00:00Z", schedule);
    world.run_to("2026-10-25T12:00:00Z");
    assert_eq!(
        world.took(),
        [
            "2026-10-25T00:00:00Z a: root pattern",
            "2026-10-25T00:30:00Z a: root nightly",
            "2026-10-25T00:30:00Z a: root pattern",
            "2026-10-25T01:00:00Z a: root pattern",
            "2026-10-25T01:30:00Z a: root pattern",
        ]
    );
}

#[test]
fn an_entry_that_is_new_is_never_made_up_for() {
    let mut world = World::with("2026-05-01T04:05:00Z", NIGHTLY);
    world.run_to("2026-05-01T23:00:00Z");
    assert_eq!(world.took(), [""; 0]);
}

#[test]
fn after_downtime_the_latest_missed_occurrence_is_made_up_for_once() {
    let mut world = World::with("2026-05-01T00:00:00Z", "0 * * * * a hourly");
    world.run_to("2026-05-01T02:30:00Z");
    assert_eq!(world.took().len(), 2);
    world.now = second("2026-05-01T07:20:00Z");
    world.restart("boot 2", Some("0 * * * * a hourly"));
    assert_eq!(world.took(), ["2026-05-01T07:20:00Z a: root hourly"]);
    let said = "`0 * * * * root a hourly` was missed 4 times; made up for once, as 2026-05-01T07:00:00Z";
    assert_eq!(world.said, [said]);
    world.run_to("2026-05-01T08:00:00Z");
    assert_eq!(world.took(), ["2026-05-01T08:00:00Z a: root hourly"]);
}

#[test]
fn an_entry_that_is_not_to_catch_up_only_says_what_was_missed() {
    let schedule = "CATCH_UP=none\n0 * * * * a hourly";
    let mut world = World::with("2026-05-01T00:30:00Z", schedule);
    world.now = second("2026-05-01T03:20:00Z");
    world.restart("boot 2", Some(schedule));
    assert_eq!(world.took(), [""; 0]);
    assert_eq!(world.said.len(), 1, "{:?}", world.said);
    assert!(world.said[0].contains("was missed 3 times"), "{:?}", world.said);
    world.run_to("2026-05-01T04:00:00Z");
    assert_eq!(world.took(), ["2026-05-01T04:00:00Z a: root hourly"]);
}

const BOTH: &str = "*/10 * * * * a often\n0,10,20,30 4 * * * b at-four";

#[test]
fn after_a_step_back_patterns_follow_the_new_clock_at_once_and_times_of_day_do_not_come_again() {
    // What Debian's cron 3.0pl1-162 was seen to do with the same lines under the same clock.
    let mut world = World::with("2026-05-01T03:58:00Z", BOTH);
    world.run_to("2026-05-01T04:22:00Z");
    assert_eq!(world.took().len(), 6);
    world.set_clock("2026-05-01T03:52:00Z");
    world.run_to("2026-05-01T04:29:00Z");
    let again = ["04:00", "04:10", "04:20"].map(|time| format!("2026-05-01T{time}:00Z a: root often"));
    assert_eq!(world.took(), again);
    let said = "the clock was set back from 2026-05-01T04:20:00Z to 2026-05-01T03:52:00Z: entries that follow it go \
                on from there, and times of day that have been do not come again";
    assert_eq!(world.said, [said]);
    world.run_to("2026-05-01T04:30:00Z");
    assert_eq!(world.took(), ["2026-05-01T04:30:00Z a: root often", "2026-05-01T04:30:00Z b: root at-four"]);
}

#[test]
fn each_step_back_gives_patterns_ids_of_their_own_over_restarts_too() {
    let mut world = World::with("2026-05-01T03:58:00Z", BOTH);
    let mut boot = 1;
    for count in 0..4 {
        world.run_to("2026-05-01T04:02:00Z");
        let took = world.took();
        assert_eq!(took[0], "2026-05-01T04:00:00Z a: root often", "after {count} steps back");
        assert_eq!(took.len(), if count == 0 { 2 } else { 1 }, "{took:?}");
        let mut restart = |world: &mut World| {
            boot += 1;
            world.restart(&format!("boot {boot}"), Some(BOTH));
        };
        // The count is on the disk before and after, and the step is seen when the scheduler was off meanwhile.
        match count {
            0 => restart(&mut world),
            1 => {
                world.disk = world.machine.snapshot().collect();
                world.now = second("2026-05-01T03:58:00Z");
                restart(&mut world);
            }
            _ => {}
        }
        world.set_clock("2026-05-01T03:58:00Z");
        restart(&mut world);
    }
    let eras = world.ids.iter().filter(|id| id.contains('+')).count();
    assert_eq!(eras, 3, "{:?}", world.ids);
}

#[test]
fn steps_back_add_up_and_beyond_three_hours_all_is_asked_for_again() {
    let mut world = World::with("2026-05-01T03:58:00Z", BOTH);
    world.run_to("2026-05-01T06:12:00Z");
    world.took();
    for to in ["2026-05-01T04:40:00Z", "2026-05-01T03:15:00Z"] {
        world.set_clock(to);
        world.run_to(&to.replace(":40:", ":45:").replace(":15:", ":59:"));
    }
    assert_eq!(world.took().len(), 4, "by a pattern, from 03:20 on");
    world.run_to("2026-05-01T04:00:00Z");
    assert_eq!(world.took(), ["2026-05-01T04:00:00Z a: root often"], "by 02:57 in all");
    world.set_clock("2026-05-01T03:05:00Z");
    world.run_to("2026-05-01T04:00:00Z");
    let took = world.took();
    assert_eq!(took.last().unwrap(), "2026-05-01T04:00:00Z b: root at-four", "by 03:05 in all");
    assert_eq!(took.len(), 7);
}

#[test]
fn what_had_its_turn_before_a_step_back_is_not_made_up_for_after_one_forward() {
    let mut world = World::with("2026-05-01T03:58:00Z", BOTH);
    world.run_to("2026-05-01T04:22:00Z");
    world.set_clock("2026-05-01T03:52:00Z");
    world.took();
    world.set_clock("2026-05-01T04:15:00Z");
    assert_eq!(world.took(), [""; 0]);
    world.set_clock("2026-05-01T04:25:00Z");
    assert_eq!(world.took(), [""; 0]);
    world.set_clock("2026-05-01T04:32:00Z");
    let made_up = ["a: root often", "b: root at-four"].map(|what| format!("2026-05-01T04:32:00Z {what}"));
    assert_eq!(world.took(), made_up);
    assert_eq!(world.alarms.iter().filter(|alarm| alarm.contains("missed")).count(), 0, "{:?}", world.alarms);
}

#[test]
fn a_clock_put_right_by_less_than_a_minute_repeats_nothing() {
    let mut world = World::with("2026-05-01T03:58:00Z", BOTH);
    world.run_to("2026-05-01T04:10:02Z");
    world.took();
    world.set_clock("2026-05-01T04:09:30Z");
    world.run_to("2026-05-01T04:19:59Z");
    assert_eq!(world.took(), [""; 0]);
    assert_eq!(world.said, [""; 0]);
}

#[test]
fn what_waits_when_the_clock_is_set_back_is_delivered_and_so_is_its_repeat() {
    let mut world = World::with("2026-05-01T03:58:00Z", BOTH);
    world.away.insert("a".parse().unwrap());
    world.run_to("2026-05-01T04:02:00Z");
    world.set_clock("2026-05-01T03:59:00Z");
    world.run_to("2026-05-01T04:00:30Z");
    world.took();
    world.away.clear();
    world.restart("boot 2", Some(BOTH));
    world.run_to("2026-05-01T04:05:00Z");
    assert_eq!(world.took(), ["2026-05-01T04:00:30Z a: root often"; 2], "under two ids");
    assert_eq!(world.machine.waiting().count(), 0);
}

#[test]
fn a_clock_that_was_wrong_by_a_year_silences_nothing() {
    let mut world = World::with("2026-05-01T00:30:00Z", "0 * * * * a hourly");
    world.set_clock("2027-05-01T00:30:00Z");
    assert_eq!(world.took(), ["2027-05-01T00:30:00Z a: root hourly"], "made up for once");
    world.set_clock("2026-05-01T00:40:00Z");
    world.run_to("2026-05-01T02:00:00Z");
    assert_eq!(world.took(), ["2026-05-01T01:00:00Z a: root hourly", "2026-05-01T02:00:00Z a: root hourly"]);

    world.set_clock("2027-05-01T00:30:00Z");
    world.took();
    world.now = second("2026-05-01T02:30:00Z");
    world.restart("boot 2", Some("0 * * * * a hourly"));
    world.run_to("2026-05-01T03:00:00Z");
    assert_eq!(world.took(), ["2026-05-01T03:00:00Z a: root hourly"], "also when it was off meanwhile");
}

#[test]
fn what_ran_while_the_clock_was_wrong_runs_again_when_its_time_really_comes() {
    let mut world = World::with("2026-05-01T00:30:00Z", NIGHTLY);
    world.set_clock("2026-05-01T04:00:00Z");
    world.run_to("2026-05-01T04:10:00Z");
    assert_eq!(world.took(), ["2026-05-01T04:05:00Z mysql: forum backup"], "by the wrong clock");
    world.set_clock("2026-05-01T00:40:00Z");
    world.restart("boot 2", Some(NIGHTLY));
    world.run_to("2026-05-01T04:10:00Z");
    assert_eq!(world.took(), ["2026-05-01T04:05:00Z mysql: forum backup"], "by the right one");
}

#[test]
fn what_waits_for_an_instant_that_has_not_been_after_all_is_forgotten() {
    let mut world = World::with("2026-05-01T00:30:00Z", NIGHTLY);
    world.away.insert("mysql".parse().unwrap());
    world.set_clock("2027-05-01T04:05:00Z");
    world.set_clock("2026-05-01T00:30:00Z");
    assert_eq!(world.machine.waiting().count(), 0);
    world.away.clear();
    world.restart("boot 2", Some(NIGHTLY));
    world.run_to("2026-05-01T05:00:00Z");
    assert_eq!(world.took(), ["2026-05-01T04:05:00Z mysql: forum backup"]);
}

#[test]
fn a_step_forward_of_two_days_makes_up_for_each_entry_once() {
    let mut world = World::with("2026-05-01T00:30:00Z", "0 * * * * a hourly\n5 4 * * * b nightly");
    world.set_clock("2026-05-03T00:30:00Z");
    assert_eq!(world.took(), ["2026-05-03T00:30:00Z a: root hourly", "2026-05-03T00:30:00Z b: root nightly"]);
    world.run_to("2026-05-03T01:00:00Z");
    assert_eq!(world.took(), ["2026-05-03T01:00:00Z a: root hourly"]);
}

#[test]
fn a_suspend_through_several_hours_makes_up_for_the_latest_and_goes_on_at_the_next() {
    let mut world = World::with("2026-05-01T00:30:00Z", "0 * * * * a hourly\n15 9 * * * b morning");
    world.run_to("2026-05-01T01:30:00Z");
    assert_eq!(world.took(), ["2026-05-01T01:00:00Z a: root hourly"]);
    // The kernel cancels the timer when the machine wakes up: a tick, later than was asked for.
    world.set_clock("2026-05-01T05:10:00Z");
    assert_eq!(world.took(), ["2026-05-01T05:10:00Z a: root hourly"]);
    let said = "`0 * * * * root a hourly` was missed 3 times; made up for once, as 2026-05-01T05:00:00Z";
    assert_eq!(world.said, [said]);
    world.run_to("2026-05-01T06:00:00Z");
    assert_eq!(world.took(), ["2026-05-01T06:00:00Z a: root hourly"]);
}

#[test]
fn a_reload_in_the_very_second_of_firing_loses_nothing_and_doubles_nothing() {
    let mut world = World::with("2026-05-01T04:00:00Z", NIGHTLY);
    world.now = second("2026-05-01T04:05:00Z");
    world.load(&format!("# edited\n{NIGHTLY}\n6 4 * * * a other"));
    assert_eq!(world.took(), ["2026-05-01T04:05:00Z mysql: forum backup"]);
    world.load("6 4 * * * a other");
    world.run_to("2026-05-01T12:00:00Z");
    assert_eq!(world.took(), ["2026-05-01T04:06:00Z a: root other"]);
}

#[test]
fn a_service_that_is_away_for_ten_minutes_is_asked_once_it_is_back_and_delays_no_other() {
    let mut world = World::with("2026-05-01T04:00:00Z", &format!("{NIGHTLY}\n5 4 * * * a other"));
    world.away.insert("mysql".parse().unwrap());
    world.run_to("2026-05-01T04:15:00Z");
    assert_eq!(world.took(), ["2026-05-01T04:05:00Z a: root other"]);
    world.away.clear();
    world.run_to("2026-05-01T04:16:00Z");
    let arrived = world.took();
    assert_eq!(arrived.len(), 1, "{arrived:?}");
    assert!(arrived[0].ends_with("mysql: forum backup"));
}

#[test]
fn a_service_that_is_away_raises_an_alarm_after_five_minutes_and_none_once_it_is_back() {
    let mut world = World::with("2026-05-01T04:00:00Z", NIGHTLY);
    world.away.insert("mysql".parse().unwrap());
    world.run_to("2026-05-01T04:09:59Z");
    assert_eq!(world.alarms, [""; 0], "some restarts take a while");
    world.run_to("2026-05-01T04:12:00Z");
    assert_eq!(world.alarms[0], "unreachable mysql");
    world.alarms.clear();
    world.away.clear();
    world.run_to("2026-05-01T04:14:00Z");
    assert_eq!(world.alarms, ["reachable mysql"]);
}

#[test]
fn a_service_that_was_away_before_a_restart_is_told_to_be_back() {
    let mut world = World::with("2026-05-01T04:00:00Z", NIGHTLY);
    world.away.insert("mysql".parse().unwrap());
    world.run_to("2026-05-01T04:12:00Z");
    world.alarms.clear();
    world.away.clear();
    world.restart("boot 2", Some(NIGHTLY));
    assert_eq!(world.alarms, ["reachable mysql"], "though this scheduler never met it away");
    world.run_to("2026-05-03T04:12:00Z");
    assert_eq!(world.alarms, ["reachable mysql"], "once is enough");
}

#[test]
fn a_service_that_comes_back_and_refuses_is_told_to_be_back() {
    let mut world = World::with("2026-05-01T04:00:00Z", NIGHTLY);
    world.away.insert("mysql".parse().unwrap());
    world.run_to("2026-05-01T04:12:00Z");
    world.alarms.clear();
    world.away.clear();
    world.refusing.insert("mysql".parse().unwrap());
    world.run_to("2026-05-01T04:14:00Z");
    assert_eq!(world.alarms, ["reachable mysql"]);
}

#[test]
fn a_service_that_was_away_until_nothing_waited_any_more_is_told_to_be_back_with_the_next() {
    let mut world = World::with("2026-05-01T04:00:00Z", "DEADLINE=10\n5 4 * * * forum mysql backup");
    world.away.insert("mysql".parse().unwrap());
    world.run_to("2026-05-01T05:00:00Z");
    assert!(world.alarms.last().unwrap().starts_with("missed backup"), "{:?}", world.alarms);
    world.alarms.clear();
    world.away.clear();
    world.run_to("2026-05-02T05:00:00Z");
    assert_eq!(world.alarms, ["reachable mysql"]);
    world.away.insert("mysql".parse().unwrap());
    world.run_to("2026-05-03T04:13:00Z");
    assert_eq!(world.alarms[1], "unreachable mysql", "and away again is news again");
}

#[test]
fn an_alarm_for_what_is_missed_comes_before_the_record_of_it() {
    let mut world = World::with(
        "2026-05-01T04:00:00Z",
        "DEADLINE=1\n5 4 * * * mysql backup\nCATCH_UP=none\n0 * * * * a b",
    );
    world.away.insert("mysql".parse().unwrap());
    world.run_to("2026-05-01T04:05:59Z");
    world.now = second("2026-05-01T04:06:00Z");
    let actions = world.machine.handle(world.now, Event::Tick);
    assert!(matches!(actions[..2], [Action::Missed(..), Action::Record(_)]), "{actions:?}");

    world.set_clock("2026-05-01T07:30:00Z");
    let why = "missed 3 times, last for 2026-05-01T07:00:00Z, and is not made up for";
    assert_eq!(world.alarms, [format!("missed b: {why}")]);
}

#[test]
fn what_cannot_be_delivered_until_its_deadline_is_missed_and_said() {
    let mut world = World::with("2026-05-01T04:00:00Z", "DEADLINE=10\n5 4 * * * mysql backup");
    world.refusing.insert("mysql".parse().unwrap());
    world.run_to("2026-05-01T05:00:00Z");
    world.refusing.clear();
    world.run_to("2026-05-01T06:00:00Z");
    assert_eq!(world.took(), [""; 0]);
    assert!(world.said.last().unwrap().contains("was missed"), "{:?}", world.said);
    assert!(world.said[0].contains("unknown-action: no; trying again until 2026-05-01T04:15:00Z"));
}

#[test]
fn without_a_deadline_the_next_occurrence_takes_the_place_of_the_one_before() {
    let mut world = World::with("2026-05-01T00:30:00Z", "0 * * * * a hourly");
    world.away.insert("a".parse().unwrap());
    world.run_to("2026-05-01T03:30:00Z");
    world.away.clear();
    world.run_to("2026-05-01T03:59:59Z");
    assert_eq!(world.took().len(), 1, "one for 03:00; those for 01:00 and 02:00 were missed");
}

#[test]
fn a_restart_between_intent_and_delivery_sends_what_was_due_once() {
    let mut world = World::with("2026-05-01T04:00:00Z", NIGHTLY);
    world.now = second("2026-05-01T04:05:00Z");
    let actions = world.machine.handle(world.now, Event::Tick);
    let Some(Action::Record(records)) = actions.first() else { panic!("{actions:?}") };
    world.disk.extend(records.clone());
    // Here it dies: on disk, not sent.
    world.restart("boot 2", Some(NIGHTLY));
    world.run_to("2026-05-01T12:00:00Z");
    assert_eq!(world.took(), ["2026-05-01T04:05:00Z mysql: forum backup"]);

    // Killed before the intent was on disk: the mark tells what was due.
    world.now = second("2026-05-02T04:05:00Z");
    let _lost = world.machine.handle(world.now, Event::Tick);
    world.restart("boot 3", Some(NIGHTLY));
    assert_eq!(world.took(), ["2026-05-02T04:05:00Z mysql: forum backup"]);
}

#[test]
fn what_is_waiting_is_delivered_even_when_its_line_is_removed() {
    let mut world = World::with("2026-05-01T04:00:00Z", NIGHTLY);
    world.away.insert("mysql".parse().unwrap());
    world.run_to("2026-05-01T04:06:00Z");
    world.load("");
    world.restart("boot 2", Some(""));
    world.away.clear();
    world.run_to("2026-05-01T04:10:00Z");
    assert_eq!(world.took().len(), 1);
}

#[test]
fn a_reboot_entry_is_asked_for_once_each_start_of_the_container() {
    let schedule = "@reboot a warm-up";
    let mut world = World::with("2026-05-01T00:00:00Z", schedule);
    assert_eq!(world.took(), ["2026-05-01T00:00:00Z a: root warm-up"]);
    world.load(schedule);
    world.run_to("2026-05-01T01:00:00Z");
    world.restart("boot 1", Some(schedule));
    assert_eq!(world.took(), [""; 0], "the scheduler started again, not the container");
    world.restart("boot 2", Some(schedule));
    assert_eq!(world.took(), ["2026-05-01T01:00:00Z a: root warm-up"]);
}

#[test]
fn a_schedule_that_cannot_be_read_leaves_the_last_one_in_force() {
    let mut world = World::with("2026-05-01T04:00:00Z", NIGHTLY);
    world.event(Event::Unreadable("cannot read the schedule".to_owned()));
    world.restart("boot 2", None);
    world.run_to("2026-05-01T05:00:00Z");
    assert_eq!(world.took(), ["2026-05-01T04:05:00Z mysql: forum backup"]);
    assert!(world.said[0].contains("the one entry known before goes on"), "{:?}", world.said);

    let mut empty = World::new("2026-05-01T04:00:00Z");
    empty.event(Event::Unreadable("cannot read the schedule".to_owned()));
    assert_eq!(empty.said, ["cannot read the schedule; waiting for it"]);
    empty.load(NIGHTLY);
    empty.run_to("2026-05-01T05:00:00Z");
    assert_eq!(empty.took().len(), 1);
}

#[test]
fn a_line_gone_bad_goes_on_in_its_last_good_form_over_a_restart_too() {
    let mut world = World::with("2026-05-01T04:00:00Z", NIGHTLY);
    world.load("5 24 * * * forum mysql backup");
    world.restart("boot 2", Some("5 24 * * * forum mysql backup"));
    world.run_to("2026-05-01T05:00:00Z");
    assert_eq!(world.took(), ["2026-05-01T04:05:00Z mysql: forum backup"]);
}

#[test]
fn an_option_gone_bad_leaves_the_entries_below_it_as_they_were() {
    let good = format!("CRON_TZ=Asia/Tokyo\n{NIGHTLY}");
    let mut world = World::with("2026-05-01T00:00:00Z", &good);
    world.load(&good.replace("Tokyo", "Tokio"));
    assert!(world.said[0].contains("keeps the options that it had"), "{:?}", world.said);
    world.run_to("2026-05-02T00:00:00Z");
    assert_eq!(world.took(), ["2026-05-01T19:05:00Z mysql: forum backup"]);
}

#[test]
fn a_delay_puts_every_occurrence_of_an_entry_off_by_the_same() {
    let mut world = World::with("2026-05-01T00:00:00Z", "RANDOM_DELAY=60\n0 12 * * * a spread");
    world.run_to("2026-05-03T23:00:00Z");
    let arrived = world.took();
    let times: HashSet<&str> = arrived.iter().map(|line| &line[11..]).collect();
    assert_eq!((arrived.len(), times.len()), (3, 1), "{arrived:?}");
    assert!(arrived[0].starts_with("2026-05-01T12:"), "{arrived:?}");
}

#[test]
fn what_is_remembered_is_the_same_after_it_was_written_anew() {
    let mut world = World::with("2026-05-01T04:00:00Z", &format!("{NIGHTLY}\n@reboot a b\n*/5 * * * * c d"));
    world.away.insert("mysql".parse().unwrap());
    world.run_to("2026-05-01T04:07:00Z");
    let anew: Vec<Record> = world.machine.snapshot().collect();
    assert_eq!(remember(&world.disk), remember(&anew));
    let lines: Vec<String> = anew.iter().map(|record| serde_json::to_string(record).unwrap()).collect();
    let read: Vec<Record> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(remember(&read), remember(&anew));
}
