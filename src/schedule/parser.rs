//! Reads a schedule line by line. A bad line is reported and hurts no other.

use std::collections::{HashMap, hash_map};

use super::Schedule;
use super::entry::{Entry, When};
use super::expression::{Expression, WORDS};
use super::field::FIELDS;
use super::options::{OptionKey, OptionLine, Options};
use super::text::Text;
use super::words::{Fault, Line, Word};
use super::zone::Zone;
use crate::diagnostic::shorten;
use crate::diagnostic::{Diagnostic, Severity};
use crate::names::UserName;

const SHAPE: &str = "an entry is `minute hour day month weekday [user] service action`";

const FIVE: &str = "a time is five fields, or a word such as @daily";

/// Reads a schedule file's bytes; entries without a `CRON_TZ` above them keep to `zone`.
///
/// UTF-8 with or without a byte order mark, lines ending in LF or CR LF, blanks and tabs. Bytes that are not
/// UTF-8 are a fault of their line only, and none in a comment.
pub fn parse(bytes: &[u8], zone: &Zone) -> Schedule {
    parse_text(&Text::of(bytes), zone)
}

/// Reads the files of a schedule, each as [`parse`] does: the options of one hold for none of the others.
pub fn parse_text(text: &Text, zone: &Zone) -> Schedule {
    let mut reader = Reader::new(zone, text);
    for (index, line) in text.lines().enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if text.places().begins_at(index + 1) {
            reader.begin_file();
        }
        if !line.trim_ascii_start().starts_with(b"#") {
            reader.read(index + 1, line);
        }
    }
    reader.schedule
}

/// Reads a line that has a time and nothing else.
pub(crate) fn expression(text: &str) -> Result<Expression, Box<Diagnostic>> {
    let line = Line { number: 1, text };
    let words = line.words();
    let error = |fault| Box::new(line.diagnose(Severity::Error, fault));
    let empty = Word { text: "", start: 0 };
    if words.is_empty() {
        return Err(error(empty.fault("there is no time", FIVE, None)));
    }
    match when(line, &words).map_err(error)? {
        (When::Reboot, _) => Err(error(words[0].fault("`@reboot` is no time", FIVE, None))),
        (When::At(_), [extra, ..]) => {
            let hint = six_fields(&words);
            let message = format!("`{}` is one word too many", shorten(extra.text));
            Err(error(extra.fault(message, FIVE, hint.as_deref())))
        }
        (When::At(expression), []) => Ok(expression),
    }
}

/// What is known while a file is read.
struct Reader {
    schedule: Schedule,
    top: Options,
    options: Options,
    /// Options whose last line cannot be read.
    doubtful: Vec<OptionKey>,
    /// The line of each entry's first appearance.
    seen: HashMap<super::EntryKey, usize>,
}

impl Reader {
    fn new(zone: &Zone, text: &Text) -> Self {
        let top = Options::new(zone.clone());
        Self {
            schedule: Schedule { places: text.places().clone(), ..Schedule::default() },
            options: top.clone(),
            top,
            doubtful: Vec::new(),
            seen: HashMap::new(),
        }
    }

    fn begin_file(&mut self) {
        self.options = self.top.clone();
        self.doubtful.clear();
    }

    fn read(&mut self, number: usize, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        let line = Line { number, text: &text };
        let read = match std::str::from_utf8(bytes) {
            Ok(_) => self.read_line(line),
            Err(error) => Err(not_utf8(bytes, error.valid_up_to())),
        };
        if let Err(fault) = read {
            self.schedule.diagnostics.push(line.diagnose(Severity::Error, fault));
        }
    }

    fn read_line(&mut self, line: Line<'_>) -> Result<(), Fault> {
        if let Some(option) = OptionLine::read(line.text) {
            return self.read_option(option);
        }
        let words = line.words();
        if words.is_empty() {
            return Ok(());
        }
        let entry = entry(line, &words, &self.options)?;
        // Where its zone is in doubt, so is whether it is the same as another.
        if !self.doubtful.contains(&OptionKey::Zone)
            && let Some(first) = self.first_line(&entry)
        {
            let place = self.schedule.places.in_words(first);
            let message = format!("this is the same entry as in {place}");
            let fault = Fault {
                span: words[0].start..words[words.len() - 1].span().end,
                message,
                allowed: String::new(),
                hint: Some("it runs once; remove one of the two".to_owned()),
            };
            self.schedule.diagnostics.push(line.diagnose(Severity::Warning, fault));
            return Ok(());
        }
        if !self.doubtful.is_empty() {
            self.schedule.doubts.push((self.schedule.entries.len(), self.doubtful.clone()));
        }
        self.schedule.entries.push(entry);
        Ok(())
    }

    /// The line where the same entry stands already.
    fn first_line(&mut self, entry: &Entry) -> Option<usize> {
        match self.seen.entry(entry.key()) {
            hash_map::Entry::Occupied(first) => Some(*first.get()),
            hash_map::Entry::Vacant(place) => {
                place.insert(entry.line);
                None
            }
        }
    }

    fn read_option(&mut self, line: OptionLine<'_>) -> Result<(), Fault> {
        let key = line.key().inspect_err(|_| self.doubtful.extend(line.meant()))?;
        self.doubtful.retain(|&doubtful| doubtful != key);
        self.options.set(key, line.value, &self.top).inspect_err(|_| self.doubtful.push(key))
    }
}

fn not_utf8(bytes: &[u8], valid: usize) -> Fault {
    let utf16 = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
    let hint = if utf16 { "the file is UTF-16; save it as UTF-8" } else { "save the file as UTF-8" };
    Fault {
        // The replacement character that stands for the bytes takes three of its own.
        span: valid..valid + 3,
        message: "the line is not UTF-8".to_owned(),
        allowed: "here is the first byte that is not".to_owned(),
        hint: Some(hint.to_owned()),
    }
}

fn entry(line: Line<'_>, words: &[Word<'_>], options: &Options) -> Result<Entry, Fault> {
    let (when, rest) = when(line, words)?;
    let time = &words[..words.len() - rest.len()];
    let (user, service, action) = match rest {
        [service, action] => (None, service, action),
        [user, service, action] => (Some(user), service, action),
        [] | [_] => return Err(missing(line, rest)),
        [_, _, _, extra, ..] => return Err(too_many(words, *extra)),
    };
    let name = |word: &Word<'_>, error: crate::names::NameError| {
        word.fault(error.to_string(), "", six_fields(words).as_deref())
    };
    let written: Vec<&str> = time.iter().map(|word| word.text).collect();
    Ok(Entry {
        line: line.number,
        when,
        written: written.join(" ").into(),
        user: match user {
            Some(user) => user.text.parse().map_err(|error| name(user, error))?,
            None => UserName::root(),
        },
        service: service.text.parse().map_err(|error| name(service, error))?,
        action: action.text.parse().map_err(|error| name(action, error))?,
        options: options.clone(),
    })
}

/// Reads the time at the start of a line, and gives the words after it.
fn when<'w, 't>(line: Line<'_>, words: &'w [Word<'t>]) -> Result<(When, &'w [Word<'t>]), Fault> {
    let first = words[0];
    if first.text.starts_with('@') {
        if first.text.eq_ignore_ascii_case("@reboot") {
            return Ok((When::Reboot, &words[1..]));
        }
        let expression = Expression::from_word(first.text).ok_or_else(|| unknown_word(first))?;
        return Ok((When::At(expression), &words[1..]));
    }
    let Some((&fields, rest)) = words.split_first_chunk::<5>() else {
        return Err(missing_fields(line, words));
    };
    let expression = Expression::from_fields(fields.map(|word| word.text)).map_err(|(index, error)| {
        let word = fields[index];
        let start = word.start + error.start;
        let hint = error.hint.or_else(|| six_fields(words)).or_else(|| short_time(word, index));
        Fault { span: start..start + error.len, message: error.message, allowed: error.allowed, hint }
    })?;
    Ok((When::At(expression), rest))
}

/// A hint for lines whose names come where a field should be.
fn short_time(word: Word<'_>, index: usize) -> Option<String> {
    let named = word.text.starts_with(|c: char| c.is_ascii_lowercase());
    named.then(|| format!("the time has five fields, here are only {index}"))
}

fn unknown_word(word: Word<'_>) -> Fault {
    let known = WORDS.map(|(word, _)| word).join(", ");
    let hint = match word.text.to_ascii_lowercase().as_str() {
        "@every" => Some("intervals are fields: `*/5 * * * *` is every five minutes"),
        "@minutely" | "@every_minute" => Some("every minute is `* * * * *`"),
        "@start" | "@startup" | "@boot" => Some("at the container's start is `@reboot`"),
        _ => None,
    };
    word.fault(format!("there is no word `{}`", shorten(word.text)), &format!("there are {known}"), hint)
}

fn missing_fields(line: Line<'_>, words: &[Word<'_>]) -> Fault {
    let field = words.len();
    // Words that are no fields show where the time ends.
    let fields = words
        .iter()
        .zip(FIELDS)
        .take_while(|(word, kind)| super::field_parser::parse(*kind, word.text).is_ok())
        .count();
    let (at, message) = if fields < field {
        (
            words[fields].span(),
            format!("`{}` stands where the {} should", shorten(words[fields].text), FIELDS[fields]),
        )
    } else {
        let end = words[field - 1].span().end.min(line.text.len());
        (end..end, format!("the line ends before the {}", FIELDS[field.min(4)]))
    };
    Fault { span: at, message, allowed: SHAPE.to_owned(), hint: None }
}

fn missing(line: Line<'_>, rest: &[Word<'_>]) -> Fault {
    let end = line.text.trim_end().len();
    let what = if rest.is_empty() { "service and the action" } else { "action" };
    let hint = rest.first().and_then(|word| {
        word.text
            .contains('/')
            .then(|| "commands are no actions: write the command into a callback".to_owned())
    });
    Fault {
        span: end..end,
        message: format!("the line ends before the {what}"),
        allowed: SHAPE.to_owned(),
        hint,
    }
}

fn too_many(words: &[Word<'_>], extra: Word<'_>) -> Fault {
    let hint = six_fields(words)
        .unwrap_or_else(|| "actions take no arguments; a comment starts with `#`".to_owned());
    extra.fault(format!("`{}` is one word too many", shorten(extra.text)), SHAPE, Some(&hint))
}

/// A hint for lines whose sixth word looks like a field: other schedulers know seconds or years.
fn six_fields(words: &[Word<'_>]) -> Option<String> {
    let sixth = words.get(5).filter(|_| !words[0].text.starts_with('@'))?.text;
    let looks = sixth.starts_with(['*', '?']) || sixth.contains([',', '/']) || sixth.parse::<u32>().is_ok();
    let weekday = super::field_parser::parse(super::FieldKind::DayOfWeek, sixth).is_ok();
    (looks || weekday)
        .then(|| "these look like six time fields; there are five, without seconds and years".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: impl AsRef<[u8]>) -> Schedule {
        parse(text.as_ref(), &Zone::utc())
    }

    fn entries(text: impl AsRef<[u8]>) -> Vec<String> {
        let schedule = read(text);
        assert_eq!(schedule.diagnostics, [], "no fault");
        schedule.entries.iter().map(Entry::to_string).collect()
    }

    fn faults(text: impl AsRef<[u8]>) -> String {
        let schedule = read(text);
        let shown = schedule.diagnostics.iter().map(|fault| fault.in_file("schedule.cron").to_string());
        shown.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn an_entry_has_a_time_a_user_a_service_and_an_action() {
        assert_eq!(
            entries(
                "#min hour\n  5   4 *\t* * forum mysql nightly-backup\n@daily php task-check # daily\n\n"
            ),
            ["5 4 * * * forum mysql nightly-backup", "@daily root php task-check"]
        );
        assert_eq!(
            entries("5 4 * * 1-5 1000 mysql nightly-backup"),
            ["5 4 * * 1-5 1000 mysql nightly-backup"]
        );
    }

    #[test]
    fn a_file_from_any_editor_is_read() {
        let lines = "@hourly a b\r\n/5 * * * * a c";
        assert_eq!(entries(format!("\u{feff}{lines}")), ["@hourly root a b", "/5 * * * * root a c"]);
        assert_eq!(entries(b"# f\xfcr Freunde\n@hourly a b"), ["@hourly root a b"]);
        assert_eq!(entries(""), [""; 0]);
        assert_eq!(entries("\n \n\t\r\n"), [""; 0]);
    }

    #[test]
    fn options_hold_for_the_entries_below_them() {
        let schedule = read("@daily a b\nCRON_TZ=Asia/Tokyo\nDEADLINE=2h\n@daily a b\nCRON_TZ=\n@daily a c");
        assert_eq!(schedule.diagnostics, []);
        let zones: Vec<&str> = schedule.entries.iter().map(|entry| entry.zone().name()).collect();
        assert_eq!(zones, ["UTC", "Asia/Tokyo", "UTC"]);
        let deadlines: Vec<_> = schedule.entries.iter().map(|entry| entry.options.deadline).collect();
        assert_eq!(deadlines, [None, Some(7_200), Some(7_200)]);
    }

    #[test]
    fn a_bad_line_hurts_no_other() {
        let schedule =
            read(b"5 24 * * * a b\n@daily a b\n\xff\xff * * * * a b\nCRON_TZ=Mars\n@hourly a b\n1 2 3");
        assert_eq!(schedule.entries.len(), 2);
        let lines: Vec<_> = schedule.diagnostics.iter().map(|fault| fault.line).collect();
        assert_eq!(lines, [1, 3, 4, 6]);
    }

    #[test]
    fn a_fault_is_shown_where_it_is() {
        insta::assert_snapshot!(faults("# one\n 0\t4,24 * * * mysql nightly-backup\n"), @r"
        schedule.cron:2:6: the hour `24` is too large
          |
        2 |  0 4,24 * * * mysql nightly-backup
          |      ^^ an hour is 0 to 23
          = hint: midnight is hour 0
        ");
    }

    #[test]
    fn the_usual_slips_get_a_hint() {
        let hint = |text: &str| read(text).diagnostics.remove(0).hint.unwrap_or_default();
        assert!(hint("0 5 4 * * * mysql backup").contains("six time fields"));
        assert!(hint("0 0 5 4 * mon mysql backup now").contains("six time fields"));
        assert!(hint("0 0 12 ? * * mysql backup").contains("`?` is `*`"));
        assert!(hint("5 4 * * mysql backup").contains("only 4"));
        assert!(hint("@every 5m mysql backup").contains("*/5"));
        assert!(hint("5 4 * * * /usr/bin/backup").contains("callback"));
        assert!(hint("5 4 * * * root mysql backup now").contains("no arguments"));
        assert!(hint("MAILTO=root").contains("nothing is mailed"));
        assert!(hint("5 4 * * sunday mysql backup").contains("`sun`"));
        assert!(hint("04:05 * * * * mysql backup").contains("`5 4`"));
    }

    #[test]
    fn the_same_entry_twice_runs_once_and_is_told() {
        let schedule = read("5 4 * * * a b\n05 04 * * * root a b\n5 4 * * * www a b");
        assert_eq!(schedule.entries.len(), 2);
        assert_eq!(schedule.diagnostics[0].message, "this is the same entry as in line 1");
        assert!(!schedule.has_errors());
    }

    #[test]
    fn every_way_to_cut_a_good_file_short_is_read_without_a_panic() {
        let text =
            "CRON_TZ=UTC\n5,7-9/2 */4 * jan-mar sun root mysql nightly-backup # ü\n@reboot a b\n".as_bytes();
        for end in 0..text.len() {
            for start in [0, end / 2] {
                let _ = faults(&text[start..end]);
            }
        }
    }

    #[test]
    fn an_expression_alone_is_a_time_and_nothing_else() {
        assert_eq!(expression("5 4 * * *").unwrap().to_string(), "5 4 * * *");
        assert_eq!(expression("@weekly").unwrap().to_string(), "0 0 * * 0");
        for bad in ["", "5 4 * *", "5 4 * * * *", "@reboot", "@never", "5 4 * * 8"] {
            assert!(expression(bad).is_err(), "{bad}");
        }
    }
}
