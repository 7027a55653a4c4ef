//! The rules for daylight saving, held against every transition of every bundled zone, those off the full minute
//! and by whole days too.

use jiff::tz::TimeZoneDatabase;

use super::calendar::{CORRECTION, MINUTE, next};
use super::civil::month_and_day;
use super::expression::Expression;
use super::zone::{Stretch, Zone};

const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// From before the first time zones to a century ahead: 1840 to 2106.
const FROM: i64 = -4_102_444_800;
const UNTIL: i64 = 1 << 32;

/// Where the wall clock jumps from one stretch to the next, with no other jump near enough to matter.
struct Jump {
    zone: Zone,
    before: Stretch,
    after: Stretch,
}

impl Jump {
    fn all() -> impl Iterator<Item = Jump> {
        let database = TimeZoneDatabase::bundled();
        let names: Vec<String> = database.available().map(|name| name.as_str().to_owned()).collect();
        names.into_iter().flat_map(|name| {
            let zone = Zone::bundled(&name);
            let jumps: Vec<_> = zone.jumps(FROM, UNTIL).collect();
            jumps.into_iter().map(move |(before, after)| Jump { zone: zone.clone(), before, after })
        })
    }

    /// By how much the clock jumps forwards.
    fn width(&self) -> i64 {
        self.after.offset - self.before.offset
    }

    /// Around the jump nothing farther away than this is looked at.
    fn reach(&self) -> i64 {
        self.width().abs() + 4 * HOUR
    }

    fn is_alone(&self) -> bool {
        let start = self.after.start;
        self.before.start < start - 2 * self.reach() && self.after.end > start + 2 * self.reach()
    }

    /// The first, the last and a middle one of the minutes that are skipped, or come twice: by the wall clock, in
    /// seconds.
    fn minutes(&self) -> Vec<i64> {
        let walls = [self.after.start + self.before.offset, self.after.start + self.after.offset];
        let first = (walls[0].min(walls[1]) + MINUTE - 1).div_euclid(MINUTE);
        let last = (walls[0].max(walls[1]) - 1).div_euclid(MINUTE);
        if first > last {
            return Vec::new();
        }
        vec![first * MINUTE, first.midpoint(last) * MINUTE, last * MINUTE]
    }

    /// When an expression fires around it.
    fn times(&self, expression: &str) -> Vec<i64> {
        let fields: Vec<&str> = expression.split(' ').collect();
        let expression = Expression::from_fields(fields.try_into().unwrap()).unwrap();
        let (from, to) = (self.after.start - self.reach(), self.after.start + self.reach());
        let times = std::iter::successors(Some(from), |&at| next(&expression, &self.zone, at));
        times.skip(1).take_while(|&at| at <= to).collect()
    }

    /// When the wall clock shows what `is_wanted`, around the jump.
    fn showings(&self, is_wanted: impl Fn(i64) -> bool) -> Vec<i64> {
        let start = self.after.start;
        let walk = |from: i64, to: i64, offset: i64| {
            let first = (from + offset + MINUTE - 1).div_euclid(MINUTE);
            let instants = (first..).map(move |minute| (minute * MINUTE, minute * MINUTE - offset));
            instants.take_while(move |&(_, instant)| instant < to)
        };
        let before = walk(start - self.reach() + 1, start, self.before.offset);
        let after = walk(start, start + self.reach() + 1, self.after.offset);
        before.chain(after).filter(|&(wall, _)| is_wanted(wall)).map(|(_, instant)| instant).collect()
    }
}

/// The fields that name a minute of the wall clock.
fn fields(wall: i64) -> (i64, i64, String) {
    let (month, day) = month_and_day(wall.div_euclid(DAY));
    let (minute, hour) = (wall.rem_euclid(HOUR) / MINUTE, wall.rem_euclid(DAY) / HOUR);
    (minute, hour, format!("{day} {} *", month.number))
}

#[test]
fn stretches_follow_each_other_without_a_hole() {
    let offset = |zone: &Zone, second: i64| {
        i64::from(zone.rules().to_offset(jiff::Timestamp::from_second(second).unwrap()).seconds())
    };
    for Jump { zone, before, after } in Jump::all() {
        assert_eq!(before.end, after.start, "{zone}");
        assert_eq!(offset(&zone, after.start - 1), before.offset, "{zone}: {after:?}");
        assert_eq!(offset(&zone, after.start), after.offset, "{zone}: {after:?}");
    }
}

#[test]
fn a_fixed_time_fires_once_at_each_jump_of_each_zone() {
    let mut jumps = 0;
    for jump in Jump::all().filter(Jump::is_alone) {
        let start = jump.after.start;
        for wall in jump.minutes() {
            let (minute, hour, date) = fields(wall);
            let (first, second) = (wall - jump.before.offset, wall - jump.after.offset);
            let expected = match jump.width() {
                gap if (1..CORRECTION).contains(&gap) => vec![start],
                gap if gap > 0 => vec![],
                overlap if -overlap <= CORRECTION => vec![first],
                _ => vec![first, second],
            };
            let expression = format!("{minute} {hour} {date}");
            assert_eq!(jump.times(&expression), expected, "`{expression}` in {} at {start}", jump.zone);
            jumps += 1;
        }
    }
    assert!(jumps > 50_000, "only {jumps}");
}

#[test]
fn a_pattern_follows_the_wall_clock_over_each_jump_of_each_zone() {
    for jump in Jump::all().filter(Jump::is_alone) {
        let Some(&wall) = jump.minutes().first() else { continue };
        let minute = wall.rem_euclid(HOUR) / MINUTE;
        let expected = jump.showings(|wall| wall.rem_euclid(HOUR) / MINUTE == minute);
        let expression = format!("{minute} * * * *");
        assert_eq!(
            jump.times(&expression),
            expected,
            "`{expression}` in {} at {}",
            jump.zone,
            jump.after.start
        );
    }
}
