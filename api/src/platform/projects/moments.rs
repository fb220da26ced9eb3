//! Time stamps in notes: `[1:02:03]` in Markdown, `at_ms` in JSON.

use serde_json::Value;

/// Most that are answered.
const MOST: usize = 1000;
/// Longest text beside one, characters.
const LONGEST: usize = 200;

/// A moment of a film and what the notes say of it.
#[derive(Debug, PartialEq, Eq)]
pub struct Moment {
    pub at_ms: i64,
    pub text: String,
}

/// The moments of a Markdown document, in the order of its lines.
pub fn of_markdown(text: &str) -> Vec<Moment> {
    let mut moments = Vec::new();
    for line in text.lines() {
        let mut rest = line;
        while let Some((_, after)) = rest.split_once('[') {
            let Some((inner, tail)) = after.split_once(']') else { break };
            if let Some(at_ms) = stamp(inner) {
                // Not trimmed at its end before it is cut: each of many stamps would look through all that follows.
                let text: String = tail.trim_start().chars().take(LONGEST).collect();
                moments.push(Moment { at_ms, text: text.trim_end().to_owned() });
            }
            rest = tail;
            if moments.len() >= MOST {
                break;
            }
        }
        if moments.len() >= MOST {
            break;
        }
    }
    moments.truncate(MOST);
    moments
}

/// `12:34`, `1:02:03` or `0:01.5`.
fn stamp(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let parts: Vec<i64> = whole
        .split(':')
        .map(|p| p.parse().ok().filter(|_| p.len() <= 4 && p.bytes().all(|b| b.is_ascii_digit())))
        .collect::<Option<_>>()?;
    let seconds = match parts.as_slice() {
        [m, s] if *s < 60 => m * 60 + s,
        [h, m, s] if *m < 60 && *s < 60 => h * 3600 + m * 60 + s,
        _ => return None,
    };
    let digits: String = fraction.chars().take(3).collect();
    if !digits.chars().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let thousandths = format!("{digits:0<3}").parse::<i64>().ok()?;
    Some(seconds * 1000 + thousandths)
}

/// Every object of a JSON document that has `at_ms`; its text is `text`, `title` or `note`.
pub fn of_json(value: &Value) -> Vec<Moment> {
    let (mut moments, mut open) = (Vec::new(), vec![value]);
    while let Some(next) = open.pop() {
        match next {
            Value::Array(items) => open.extend(items.iter().rev()),
            Value::Object(map) => {
                if let Some(at_ms) = map.get("at_ms").and_then(Value::as_i64) {
                    let text = ["text", "title", "note"].iter().find_map(|k| map.get(*k)?.as_str());
                    let text = text.unwrap_or_default().chars().take(LONGEST).collect();
                    moments.push(Moment { at_ms, text });
                }
                open.extend(map.values().filter(|v| v.is_array() || v.is_object()));
            }
            _ => {}
        }
        if moments.len() >= MOST {
            break;
        }
    }
    moments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_read_and_other_brackets_are_not() {
        let of = |text: &str| of_markdown(text).into_iter().map(|m| (m.at_ms, m.text)).collect::<Vec<_>>();
        assert_eq!(
            of("# A\n- [0:01.5] start\n[1:02:03] [note] x"),
            [(1500, "start".to_owned()), (3_723_000, "[note] x".to_owned())]
        );
        assert!(of("[x] [1] [1:99] [a:b] [1:2:3:4] [12:3x] [ [").is_empty());
        let long = format!("{}{}", "[0:01]".repeat(80_000), " ".repeat(500_000));
        assert_eq!(of_markdown(&long).len(), MOST, "as quickly as a short one");
        let json = serde_json::json!({ "notes": [{ "at_ms": 5, "text": "a" }, { "deep": { "at_ms": 7 } }] });
        assert_eq!(of_json(&json).iter().map(|m| m.at_ms).collect::<Vec<_>>(), [5, 7]);
    }
}
