//! A stack's `.env`, as Docker Compose reads it.
//!
//! `NAME=VALUE` lines; the last of a name counts. In single quotes a value is as it stands; in double quotes,
//! and without any, `$NAME`, `${NAME}` and `${NAME:-DEFAULT}` are replaced; without quotes a value ends at ` #`.
//! (<https://docs.docker.com/compose/how-tos/environment-variables/variable-interpolation/>)

use std::collections::HashMap;

/// The value of a setting: the environment's, else that of the `.env` with this text.
pub(super) fn setting(
    name: &str,
    text: &str,
    environment: impl Fn(&str) -> Option<String>,
) -> Option<String> {
    let mut known: HashMap<&str, String> = HashMap::new();
    for line in text.lines() {
        let line = line.trim();
        let line = line.strip_prefix("export ").unwrap_or(line);
        let Some((name, written)) = line.split_once('=') else { continue };
        let name = name.trim_end();
        if name.starts_with('#') {
            continue;
        }
        let value = read(written.trim_start(), |name| environment(name).or_else(|| known.get(name).cloned()));
        known.insert(name, value);
    }
    environment(name).or_else(|| known.remove(name))
}

/// A value as it is meant.
fn read(written: &str, known: impl Fn(&str) -> Option<String>) -> String {
    match written.chars().next() {
        Some('\'') => written[1..].split('\'').next().unwrap_or_default().to_owned(),
        Some('"') => replace(written[1..].split('"').next().unwrap_or_default(), known),
        Some('#') => String::new(),
        _ => replace(written.split(" #").next().unwrap_or_default().trim_end(), known),
    }
}

/// The text with its variables replaced by what is known of them.
pub(super) fn replace(text: &str, known: impl Fn(&str) -> Option<String>) -> String {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut value = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        value += before;
        if let Some(after) = after.strip_prefix('$') {
            value.push('$');
            rest = after;
        } else if let Some((inside, after)) = after.strip_prefix('{').and_then(|after| after.split_once('}'))
        {
            let (name, default) = inside.split_once(":-").unwrap_or((inside, ""));
            value += &known(name).filter(|value| !value.is_empty()).unwrap_or_else(|| default.to_owned());
            rest = after;
        } else {
            let end = after.find(|c| !is_name(c)).unwrap_or(after.len());
            let (name, after) = after.split_at(end);
            value += &if name.is_empty() { "$".to_owned() } else { known(name).unwrap_or_default() };
            rest = after;
        }
    }
    value + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(text: &str) -> Option<String> {
        setting("DATA", text, |name| (name == "HOME").then(|| "/root".to_owned()))
    }

    #[test]
    fn values_are_read_with_and_without_quotes() {
        let cases = [
            ("DATA=./data", "./data"),
            ("  export DATA = /srv/my data  # where", "/srv/my data"),
            ("DATA=\"/srv/a # b\" # c", "/srv/a # b"),
            ("DATA='/srv/$HOME'", "/srv/$HOME"),
            ("DATA=a\r\nDATA=b\r\n", "b"),
            ("DATA=a#b", "a#b"),
            ("DATA=", ""),
        ];
        for (text, value) in cases {
            assert_eq!(data(text).as_deref(), Some(value), "{text}");
        }
        assert_eq!(data("#DATA=a\nOTHER=DATA=b\n\n"), None);
    }

    #[test]
    fn variables_of_the_environment_and_of_lines_above_are_replaced() {
        assert_eq!(data("DATA=$HOME/x").as_deref(), Some("/root/x"));
        assert_eq!(data("A=b\nDATA=\"${A}/${C:-d}/$$\"").as_deref(), Some("b/d/$"));
    }

    #[test]
    fn the_environment_comes_first() {
        assert_eq!(setting("DATA", "DATA=a", |_| Some("b".into())).as_deref(), Some("b"));
    }
}
