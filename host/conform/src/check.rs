//! One line of expectation: where, how, what. `[@PARTNERS] [whole|stream] /pointer OPERATOR [JSON]`.
//!
//! `@openai-chat,gemini` keeps a line to cells whose other side is one of these, `@-gemini` to all others. In a pointer (RFC 6901) `*` stands for any element;
//! one match is enough, except for `list`, which compares all of them in order.
use crate::dialect::{Dialect, Mode};
use serde_json::Value;

/// One expectation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Check {
    /// The line without its conditions.
    pub(crate) text: String,
    partners: Vec<Dialect>,
    mode: Option<Mode>,
    pointer: Vec<String>,
    operator: Operator,
}

#[derive(Clone, Debug, PartialEq)]
enum Operator {
    /// Equal as JSON; numbers by value.
    Equals(Value),
    Differs(Value),
    /// One of these; null also where nothing is.
    In(Vec<Value>),
    /// A string, or the texts of a list of parts, joined.
    Text(String),
    /// A string that holds this JSON.
    Json(Value),
    Contains(String),
    /// All matches in order.
    List(Value),
    Length(usize),
    Exists,
    /// Not there, or null.
    Absent,
}

impl Check {
    /// Reads one line.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(line: &str) -> Result<Self, String> {
        let mut rest = line.trim();
        let mut partners = Dialect::ALL.to_vec();
        if let Some(condition) = rest.strip_prefix('@') {
            let (names, after) = condition.split_once(' ').ok_or("nothing after the condition")?;
            let (names, keep) = names.strip_prefix('-').map_or((names, true), |names| (names, false));
            let named: Vec<&str> = names.split(',').collect();
            if let Some(unknown) = named.iter().find(|name| Dialect::named(name).is_none()) {
                return Err(format!("no dialect is called {unknown}"));
            }
            partners.retain(|dialect| named.contains(&dialect.name()) == keep);
            rest = after.trim_start();
        }
        let mode = [Mode::Whole, Mode::Stream]
            .into_iter()
            .find(|mode| rest.strip_prefix(mode.word()).is_some_and(|after| after.starts_with(' ')));
        if let Some(mode) = mode {
            rest = rest[mode.word().len()..].trim_start();
        }
        let (pointer, after) = rest.split_once(' ').ok_or("no operator")?;
        let steps = pointer.strip_prefix('/').ok_or("a pointer begins with a slash")?;
        let unescaped = |step: &str| step.replace("~1", "/").replace("~0", "~");
        Ok(Self {
            text: rest.to_owned(),
            partners,
            mode,
            pointer: steps.split('/').map(unescaped).collect(),
            operator: Operator::parse(after.trim())?,
        })
    }

    /// Reads the lines of a block; empty ones and those that begin with `#` are none.
    ///
    /// # Errors
    /// The line and what is wrong with it.
    pub(crate) fn parse_all(block: &str) -> Result<Vec<Self>, String> {
        let lines = block.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        lines.map(|line| Self::parse(line).map_err(|why| format!("{line}: {why}"))).collect()
    }

    /// Whether it is asked of this cell.
    pub(crate) fn concerns(&self, partner: Dialect, mode: Mode) -> bool {
        self.partners.contains(&partner) && self.mode.is_none_or(|own| own == mode)
    }

    /// Whether it asks for something to be there.
    pub(crate) fn is_positive(&self) -> bool {
        !matches!(self.operator, Operator::Absent | Operator::Differs(_))
    }

    /// Holds it of `value`? If not: what stands there.
    pub(crate) fn test(&self, value: &Value) -> Result<(), String> {
        let mut found = Vec::new();
        resolve(value, &self.pointer, &mut found);
        if self.operator.holds(&found) { Ok(()) } else { Err(shown(&found)) }
    }
}

impl Operator {
    fn parse(text: &str) -> Result<Self, String> {
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        let json = || serde_json::from_str::<Value>(rest.trim()).map_err(|e| format!("{word}: {e}"));
        let string = || match json()? {
            Value::String(text) => Ok(text),
            other => Err(format!("{word} takes a string, not {other}")),
        };
        Ok(match word {
            "=" => Self::Equals(json()?),
            "!=" => Self::Differs(json()?),
            "text" => Self::Text(string()?),
            "contains" => Self::Contains(string()?),
            "json" => Self::Json(json()?),
            "list" => Self::List(json()?),
            "in" => match json()? {
                Value::Array(values) => Self::In(values),
                other => return Err(format!("in takes a list, not {other}")),
            },
            "len" => Self::Length(rest.trim().parse().map_err(|_| "len takes a number")?),
            "exists" => Self::Exists,
            "absent" => Self::Absent,
            other => return Err(format!("no operator {other}")),
        })
    }

    fn holds(&self, found: &[&Value]) -> bool {
        match self {
            Self::Equals(want) => found.iter().any(|value| same(value, want)),
            Self::Differs(other) => !found.iter().any(|value| same(value, other)),
            Self::In(wants) => {
                let one = |value: &Value| wants.iter().any(|want| same(value, want));
                found.iter().any(|value| one(value)) || (found.is_empty() && one(&Value::Null))
            }
            Self::Text(want) => found.iter().any(|value| flat(value) == *want),
            Self::Contains(want) => found.iter().any(|value| flat(value).contains(want)),
            Self::Json(want) => found
                .iter()
                .filter_map(|value| value.as_str())
                .any(|text| serde_json::from_str::<Value>(text).is_ok_and(|value| same(&value, want))),
            Self::List(want) => want.as_array().is_some_and(|wants| {
                wants.len() == found.len() && wants.iter().zip(found).all(|(want, value)| same(value, want))
            }),
            Self::Length(n) => {
                found.iter().any(|value| value.as_array().is_some_and(|list| list.len() == *n))
            }
            Self::Exists => found.iter().any(|value| !value.is_null()),
            Self::Absent => found.iter().all(|value| value.is_null()),
        }
    }
}

fn resolve<'a>(value: &'a Value, steps: &[String], found: &mut Vec<&'a Value>) {
    let Some((step, rest)) = steps.split_first() else {
        return found.push(value);
    };
    match value {
        Value::Array(list) if step == "*" => list.iter().for_each(|item| resolve(item, rest, found)),
        Value::Object(map) if step == "*" => map.values().for_each(|item| resolve(item, rest, found)),
        Value::Array(list) => {
            // `-1` is the last element.
            let index = if step == "-1" { list.len().checked_sub(1) } else { step.parse().ok() };
            if let Some(item) = index.and_then(|index| list.get(index)) {
                resolve(item, rest, found);
            }
        }
        Value::Object(map) => {
            if let Some(item) = map.get(step) {
                resolve(item, rest, found);
            }
        }
        _ => {}
    }
}

/// Equal as JSON; `1` and `1.0` are one number.
pub(crate) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter().all(|(key, value)| b.get(key).is_some_and(|other| same(value, other)))
        }
        (a, b) => a == b,
    }
}

/// The text of a string, a part with `text`, or a list of these.
fn flat(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().map(flat).collect(),
        Value::Object(map) => map.get("text").or_else(|| map.get("parts")).map(flat).unwrap_or_default(),
        Value::Null | Value::Bool(_) | Value::Number(_) => String::new(),
    }
}

fn shown(found: &[&Value]) -> String {
    let text = match found {
        [] => return "nothing".to_owned(),
        [one] => one.to_string(),
        several => serde_json::to_string(several).unwrap_or_default(),
    };
    let cut = text.char_indices().nth(400).map_or(text.len(), |(at, _)| at);
    text[..cut].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn holds(line: &str, value: &Value) -> bool {
        Check::parse(line).unwrap_or_else(|e| panic!("{line}: {e}")).test(value).is_ok()
    }

    #[test]
    fn operators_say_what_they_mean() {
        let value = json!({"a": [{"t": "x", "n": 1.0}, {"t": "y"}], "s": "{\"p\":1}", "null": null,
            "parts": [{"text": "he"}, {"text": "llo"}], "a/b": {"~": true}});
        for line in [
            "/a/0/n = 1",
            "/a/*/t = \"y\"",
            "/a/-1/t = \"y\"",
            "/a/*/t list [\"x\",\"y\"]",
            "/s json {\"p\": 1}",
            "/parts text \"hello\"",
            "/parts contains \"ell\"",
            "/a len 2",
            "/null absent",
            "/b absent",
            "/a/*/z absent",
            "/a exists",
            "/a/0/t in [\"q\",\"x\"]",
            "/a~1b/~0 = true",
            "/a/0/t != \"y\"",
            "/b in [1,null]",
            "/b != 1",
        ] {
            assert!(holds(line, &value), "{line}");
        }
        for line in [
            "/a/0/n = 2",
            "/a/*/t = \"z\"",
            "/a/*/t list [\"y\",\"x\"]",
            "/s json {\"p\": 2}",
            "/parts text \"hell\"",
            "/a len 1",
            "/null exists",
            "/a/*/n absent",
            "/a/0/t in [\"q\"]",
            "/a/0/t != \"x\"",
        ] {
            assert!(!holds(line, &value), "{line}");
        }
    }

    #[test]
    fn conditions_choose_cells() {
        let only = Check::parse("@gemini,openai-chat stream /a exists").unwrap();
        assert!(only.concerns(Dialect::Gemini, Mode::Stream) && only.concerns(Dialect::Chat, Mode::Stream));
        assert!(
            !only.concerns(Dialect::Gemini, Mode::Whole) && !only.concerns(Dialect::Anthropic, Mode::Stream)
        );
        let others = Check::parse("@-gemini /a absent").unwrap();
        assert!(
            others.concerns(Dialect::Chat, Mode::Whole) && !others.concerns(Dialect::Gemini, Mode::Whole)
        );
        assert!(!others.is_positive());
    }

    #[test]
    fn bad_lines_say_why() {
        for (line, why) in [
            ("/a", "no operator"),
            ("a = 1", "slash"),
            ("/a is 1", "no operator is"),
            ("@mars /a = 1", "mars"),
            ("/a = {", "EOF"),
            ("/a text 1", "takes a string"),
            ("/a in 1", "takes a list"),
            ("/a len x", "number"),
        ] {
            let said = Check::parse(line).unwrap_err();
            assert!(said.contains(why), "{line}: {said}");
        }
    }
}
