//! TOML text → tree. Knows no setting.
use toml::de::{DeTable, DeValue};

use crate::tree::{Entry, Lines, Node, Pos, Value};

/// Reads a TOML document.
///
/// # Errors
/// Every syntax error with its position; the messages repeat no value.
pub(crate) fn parse(text: &str) -> Result<Node, Vec<(Pos, String)>> {
    let lines = Lines::new(text);
    let (table, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return Ok(Node { value: map(table.get_ref(), &lines), at: lines.pos(0) });
    }
    let describe = |error: &toml::de::Error| {
        let at = lines.pos(error.span().map_or(0, |span| span.start));
        (at, error.message().lines().next().unwrap_or_default().to_owned())
    };
    Err(errors.iter().map(describe).collect())
}

fn map(table: &DeTable<'_>, lines: &Lines<'_>) -> Value {
    let mut keyed: Vec<_> = table.iter().collect();
    // The parser's map is sorted by name; the file's order is the user's wish (first ready backend).
    keyed.sort_by_key(|(key, _)| key.span().start);
    let entry = |(key, value): (&toml::Spanned<_>, &toml::Spanned<DeValue<'_>>)| {
        let name: &std::borrow::Cow<'_, str> = key.get_ref();
        Entry { key: name.to_string(), at: lines.pos(key.span().start), node: node(value, lines) }
    };
    Value::Map(keyed.into_iter().map(entry).collect())
}

fn node(spanned: &toml::Spanned<DeValue<'_>>, lines: &Lines<'_>) -> Node {
    let value = match spanned.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| Value::Float(number.as_str().parse().unwrap_or(f64::NAN)), Value::Int),
        DeValue::Float(number) => Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(value) => Value::Bool(*value),
        DeValue::Datetime(value) => Value::Text(value.to_string()),
        DeValue::Array(items) => Value::List(items.iter().map(|item| node(item, lines)).collect()),
        DeValue::Table(table) => map(table, lines),
    };
    Node { value, at: lines.pos(spanned.span().start) }
}
