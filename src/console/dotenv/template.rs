//! What `$NAME` and `${NAME…}` stand for, in `.env` and in the compose file: as `docker compose` 2 has it.
//!
//! <https://docs.docker.com/reference/compose-file/interpolation/>; where that says nothing, by what 2.26.1 does
//! (tests/dotenv/cases.jsonl).

/// Why a text has no meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::console) enum TemplateFault {
    /// A `${` that no name follows, or that is not closed.
    Malformed,
    /// A variable that must be set, and why somebody says that it must.
    Missing { name: String, reason: String },
}

/// What stands between name and operand.
const OPERATORS: [&str; 6] = [":-", ":+", ":?", "-", "+", "?"];

/// The text with its variables replaced by what `known` has for them.
///
/// # Errors
/// Where a variable is malformed, or missing and required.
pub(in crate::console) fn replace(
    text: &str,
    known: &dyn Fn(&str) -> Option<String>,
) -> Result<String, TemplateFault> {
    let mut value = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        value += before;
        let name = leading_name(after);
        rest = if let Some(after) = after.strip_prefix('$') {
            value.push('$');
            after
        } else if !name.is_empty() {
            value += &known(name).unwrap_or_default();
            &after[name.len()..]
        } else if let Some(inside) = after.strip_prefix('{') {
            let (replaced, after) = braced(inside, known)?;
            value += &replaced;
            after
        } else {
            value.push('$');
            after
        };
    }
    Ok(value + rest)
}

/// The value of what follows `${`, and what follows its end.
fn braced<'a>(
    inside: &'a str,
    known: &dyn Fn(&str) -> Option<String>,
) -> Result<(String, &'a str), TemplateFault> {
    let name = leading_name(inside);
    let after = &inside[name.len()..];
    if name.is_empty() {
        return Err(TemplateFault::Malformed);
    }
    if let Some(after) = after.strip_prefix('}') {
        return Ok((known(name).unwrap_or_default(), after));
    }
    let operator = OPERATORS.iter().find(|operator| after.starts_with(**operator));
    let operator = operator.ok_or(TemplateFault::Malformed)?;
    let line = after.split('\n').next().unwrap_or_default();
    let last = line.rfind('}').ok_or(TemplateFault::Malformed)?;
    let end = closing(inside, name.len() + last);
    let operand = replace(&inside[name.len() + operator.len()..end], known)?;
    let value = known(name);
    let is_set = value.as_ref().is_some_and(|value| !operator.starts_with(':') || !value.is_empty());
    let value = match (operator.trim_start_matches(':'), is_set) {
        ("-", false) | ("+", true) => operand,
        ("?", false) => return Err(TemplateFault::Missing { name: name.to_owned(), reason: operand }),
        _ => value.unwrap_or_default(),
    };
    Ok((value, &inside[end + 1..]))
}

/// Where the brace before `inside` is closed, which is at `last` where braces do not match. The character behind an
/// opening brace is not looked at.
fn closing(inside: &str, last: usize) -> usize {
    let mut open = 1;
    let mut bytes = inside.bytes().enumerate().take(last + 1).skip(1);
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'{' => {
                open += 1;
                bytes.next();
            }
            b'}' => open -= 1,
            _ => continue,
        }
        if open == 0 {
            return at;
        }
    }
    last
}

/// The name that a text begins with; empty where it begins with none.
pub(super) fn leading_name(text: &str) -> &str {
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return "";
    }
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    &text[..end.unwrap_or(text.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replaced(text: &str) -> Result<String, TemplateFault> {
        let known = |name: &str| match name {
            "B" => Some("bee".to_owned()),
            "E" => Some(String::new()),
            _ => None,
        };
        replace(text, &known)
    }

    #[test]
    fn each_operator_tells_unset_from_empty_where_it_has_no_colon() {
        let cases = [
            ("$B ${B} $C ${C}", "bee bee  "),
            ("${C:-d} ${C-d} ${E:-d} ${E-d} ${B:-d} ${B-d}", "d d d  bee bee"),
            ("${C:+d} ${C+d} ${E:+d} ${E+d} ${B:+d} ${B+d}", "   d d d"),
            ("${B:?no} ${B?no} ${E?no}", "bee bee "),
            ("${C:-${B:+x}}y}", "xy}"),
            ("$$B $1 $ ${C:-a}${C:-b}", "$B $1 $ ab"),
        ];
        for (text, value) in cases {
            assert_eq!(replaced(text).as_deref(), Ok(value), "{text}");
        }
    }

    #[test]
    fn what_is_missing_or_malformed_is_a_fault() {
        let missing = TemplateFault::Missing { name: "C".into(), reason: "ask bee".into() };
        assert_eq!(replaced("${C:?ask $B}"), Err(missing));
        for text in ["${", "${}", "${B", "${1}", "${B!}", "${C:-a\nb}", "${B:-${}}"] {
            assert_eq!(replaced(text), Err(TemplateFault::Malformed), "{text}");
        }
    }
}
