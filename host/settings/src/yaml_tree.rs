//! YAML text → tree, with small budgets against alias and nesting bombs. Knows no setting.
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use crate::tree::{Entry, Node, Pos, Value};

// A configuration with a hundred backends has about 2,000 events.
const EVENTS_MAX: usize = 100_000;
const DEPTH_MAX: usize = 64;

/// Reads one YAML document; an empty one is an empty table.
///
/// # Errors
/// The first syntax error with its position; the message repeats no value.
pub(crate) fn parse(text: &str) -> Result<Node, (Pos, String)> {
    let options = serde_saphyr::options! {
        with_snippet: false,
        emit_comments: false,
        budget: serde_saphyr::budget! { max_events: EVENTS_MAX, max_depth: DEPTH_MAX, max_aliases: 1_000 },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: EVENTS_MAX },
    };
    match serde_saphyr::from_str_with_options::<Spanned<Tree>>(text, options) {
        Ok(tree) => Ok(node(tree)),
        Err(error) => {
            let at = error.location().map_or(Pos { line: 1, column: 1 }, |location| pos(&location));
            Err((at, describe(&error)))
        }
    }
}

fn describe(error: &serde_saphyr::Error) -> String {
    let text = error.without_snippet().render();
    let line = text.lines().next().unwrap_or_default();
    // The position is told in front of the message, so the one inside it goes.
    let line = line.split(" at line ").next().unwrap_or(line);
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

fn pos(location: &serde_saphyr::Location) -> Pos {
    let clamp = |n: u64| u32::try_from(n).unwrap_or(u32::MAX).max(1);
    Pos { line: clamp(location.line()), column: clamp(location.column()) }
}

fn node(spanned: Spanned<Tree>) -> Node {
    Node { at: pos(&spanned.referenced), value: spanned.value.0 }
}

struct Tree(Value);

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor).map(Tree)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Int(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        // Beyond i64 every range check fails, so the lost digits do not matter.
        Ok(i64::try_from(value).map_or(Value::Float(value as f64), Value::Int))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element::<Spanned<Tree>>()? {
            items.push(node(item));
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some((key, value)) = map.next_entry::<Spanned<String>, Spanned<Tree>>()? {
            entries.push(Entry { at: pos(&key.referenced), key: key.value, node: node(value) });
        }
        Ok(Value::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_and_kinds_of_yaml_are_kept() {
        let tree = parse("a:\n  b.c: 1\n  d: yes\n  e: [~, 2.5, x]\nbig: 18446744073709551615\n").unwrap();
        let Value::Map(top) = &tree.value else { panic!("{tree:?}") };
        let Value::Map(inner) = &top[0].node.value else { panic!("{tree:?}") };
        assert_eq!((inner[0].key.as_str(), inner[0].at), ("b.c", Pos { line: 2, column: 3 }));
        assert_eq!(inner[0].node.value, Value::Int(1));
        assert_eq!(inner[0].node.at, Pos { line: 2, column: 8 });
        assert_eq!(inner[1].node.value, Value::Bool(true));
        assert!(matches!(top[1].node.value, Value::Float(_)));
    }

    #[test]
    fn yaml_bombs_are_refused() {
        let deep = "[".repeat(5_000);
        assert!(parse(&deep).is_err());
        let mut bomb = "a0: &a0 [x]\n".to_owned();
        for level in 1..12 {
            let refs = vec![format!("*a{}", level - 1); 9].join(",");
            bomb.push_str(&format!("a{level}: &a{level} [{refs}]\n"));
        }
        assert!(parse(&bomb).is_err());
    }
}
