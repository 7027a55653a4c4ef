//! Random cases for the calendar, and the zones and dates where calendars go wrong.

/// Zones, and a date next to a transition with what is special about it.
pub(crate) const TRANSITIONS: [(&str, &str); 34] = [
    ("Europe/Berlin", "2026-03-29"),
    ("Europe/Berlin", "2026-10-25"),
    ("America/New_York", "2026-03-08"),
    ("America/New_York", "2026-11-01"),
    ("Australia/Lord_Howe", "2026-10-04"), // half an hour
    ("Australia/Lord_Howe", "2026-04-05"),
    ("Asia/Pyongyang", "2018-05-05"), // half an hour, without daylight saving
    ("Asia/Pyongyang", "2015-08-15"),
    ("America/Caracas", "2016-05-01"),
    ("America/Sao_Paulo", "2018-11-04"), // at midnight
    ("America/Sao_Paulo", "2018-02-18"),
    ("Africa/Cairo", "2026-04-24"),
    ("Africa/Cairo", "2026-10-30"),
    ("Asia/Amman", "2022-02-25"),
    ("America/Havana", "2026-03-08"),
    ("America/Asuncion", "2023-10-01"),
    ("America/St_Johns", "2010-03-14"), // a minute past midnight
    ("America/St_Johns", "2010-11-07"),
    ("Europe/Dublin", "2026-03-29"),     // summer is standard time
    ("Africa/Casablanca", "2026-02-15"), // winter is daylight saving
    ("Africa/Casablanca", "2026-03-22"),
    ("Asia/Gaza", "2026-03-28"),
    ("Asia/Tehran", "2022-03-22"),
    ("Pacific/Chatham", "2026-09-27"), // at 02:45
    ("Pacific/Chatham", "2026-04-05"),
    ("Antarctica/Troll", "2026-03-29"), // two hours
    ("Antarctica/Troll", "2026-10-25"),
    ("Antarctica/Casey", "2009-10-18"), // three hours, on
    ("Antarctica/Casey", "2010-03-05"), // three hours, back
    ("Pacific/Apia", "2011-12-30"),     // a day left out
    ("Pacific/Kwajalein", "1993-08-21"),
    ("Pacific/Kiritimati", "1994-12-31"),
    ("UTC", "2028-02-29"),
    ("UTC", "2100-02-28"),
];

/// Transitions off the full minute, as local mean times had them: wall clocks that jump within a minute. They are
/// not for the oracle that walks over full minutes.
pub(crate) const ODD_TRANSITIONS: [(&str, &str); 8] = [
    ("Africa/Monrovia", "1972-01-07"),  // forwards by 44 min 30 s
    ("America/New_York", "1883-11-18"), // back by 3 min 58 s
    ("Europe/Paris", "1911-03-11"),     // back by 9 min 21 s
    ("Europe/Dublin", "1916-05-21"),    // by an hour, at 25 min 21 s past
    ("Europe/Dublin", "1916-10-01"),
    ("Europe/Moscow", "1917-07-01"),  // between offsets of 2:31:19 and 3:31:19
    ("Europe/Moscow", "1919-07-01"),  // forwards by 28 min 41 s
    ("Asia/Kathmandu", "1919-12-31"), // forwards by 8 min 44 s
];

/// A small generator of pseudo-random numbers (splitmix64), so that a failing case can be run again.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    pub(crate) fn pick<'a>(&mut self, among: &[&'a str]) -> &'a str {
        among[usize::try_from(self.below(among.len() as u64)).unwrap()]
    }

    fn item(&mut self, low: u64, high: u64) -> String {
        let value = low + self.below(high - low + 1);
        let to = value + self.below(high - value + 1);
        match self.below(6) {
            0 => format!("{value}-{to}"),
            1 => format!("{value}-{to}/{}", 1 + self.below(9)),
            2 => format!("*/{}", 1 + self.below(high)),
            _ => value.to_string(),
        }
    }

    fn field(&mut self, low: u64, high: u64, names: &[&'static str], stars: u64) -> String {
        if self.below(10) < stars {
            return self.pick(&["*", "*", "*/2", "/3"]).to_owned();
        }
        if !names.is_empty() && self.below(3) == 0 {
            return self.pick(names).to_owned();
        }
        let mut text = self.item(low, high);
        for _ in 0..self.below(3) {
            text += ",";
            text += &self.item(low, high);
        }
        text
    }

    /// An expression with every feature that there is.
    pub(crate) fn expression(&mut self) -> String {
        let months = ["jan", "MAR", "mar-may", "oct,nov", "feb"];
        let weekdays = ["sun", "Mon-fri", "7", "5-7", "sat,sun", "*/7"];
        // Hours near the usual transitions, and minutes, tell more than others.
        let hour = if self.below(2) == 0 {
            self.pick(&["2", "1-3", "0", "1", "23", "3", "0-3", "2,14"]).to_owned()
        } else {
            self.field(0, 23, &[], 3)
        };
        let minute = self.field(0, 59, &[], 3);
        let day = self.field(1, 31, &[], 6);
        let month = self.field(1, 12, &months, 8);
        let weekday = self.field(0, 7, &weekdays, 6);
        format!("{minute} {hour} {day} {month} {weekday}")
    }

    /// An expression that fires in few years, or on few days of a year.
    pub(crate) fn rare_expression(&mut self) -> String {
        let words = ["@yearly", "@Monthly", "@weekly", "@midnight", "@daily", "@hourly", "@annually"];
        let days =
            ["29 2 *", "29 feb */7", "31 4,6,8 *", "30 2,3 mon", "*/29 2 7", "1-7 1 */7", "29-31 */2 *"];
        if self.below(5) == 0 {
            return self.pick(&words).to_owned();
        }
        format!("{} {} {}", self.below(60), self.below(24), self.pick(&days))
    }
}

/// The second at which a date begins in UTC.
pub(crate) fn second_of(date: &str) -> i64 {
    let date: jiff::civil::Date = date.parse().unwrap();
    jiff::tz::TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0)).unwrap().as_second()
}
