//! The `auth.keys` tables, and the file of `lip keys`, which has the same ones without `auth.keys` before their names: who may use the
//! host, what for and how much. Only hashes of keys stand there.
use std::collections::BTreeMap;

use base::calendar::unix_seconds;

use crate::{
    choices::Unpriced,
    file::{Section, Walk, entries_of},
    numbers::{Bool, Dollars, Whole},
    problem::Source,
    read::{Raw, Reader, quote},
    row::{Kind, Shape, settings},
    suggest::suggestion,
    texts::{Opt, Texts},
    tree::{Entry, Value},
};

/// Where the tables stand in the configuration.
pub(crate) const BASE: &str = "auth.keys";
const NAME_BYTES_MAX: usize = 64;
const MANY: f64 = 1e15;

settings! {
    /// What is set for one client key, typed.
    ClientValues, CLIENT_TABLE;

    /// The SHA-256 of the key, as `lip keys new` prints it.
    hash: Opt<Hash> as Option<&str> = None,
        { key: "hash", example: "\"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"" }

    /// What the key may ask for: `backend`, or `backend:model`, with `*` for any text.
    models: Texts as &[String] = Vec::new(),
        { key: "models", example: "[\"ollama\", \"openai:gpt-5*\"]", default_words: "everything" }

    /// When the key ends, in UTC: `2027-01-01`, or `2027-01-01T18:00:00Z`.
    expires: Opt<Moment> as Option<u64> = None,
        { key: "expires", example: "\"2027-01-01\"", default_words: "never" }

    /// Turns a minute; as many may come at once.
    requests_per_minute: Opt<Whole> as Option<u64> = None,
        { key: "requests_per_minute", unit: "turns", range: Some((1.0, MANY)), example: "60", default_words: "no bound" }

    /// Turns a day, UTC.
    requests_per_day: Opt<Whole> as Option<u64> = None,
        { key: "requests_per_day", unit: "turns", range: Some((1.0, MANY)), example: "1000", default_words: "no bound" }

    /// Turns a month, UTC.
    requests_per_month: Opt<Whole> as Option<u64> = None,
        { key: "requests_per_month", unit: "turns", range: Some((1.0, MANY)), example: "20000", default_words: "no bound" }

    /// Tokens a minute, of prompts and answers together. A turn is let in while any are left.
    tokens_per_minute: Opt<Whole> as Option<u64> = None,
        { key: "tokens_per_minute", unit: "tokens", range: Some((1.0, MANY)), example: "200000", default_words: "no bound" }

    /// Tokens a day, UTC.
    tokens_per_day: Opt<Whole> as Option<u64> = None,
        { key: "tokens_per_day", unit: "tokens", range: Some((1.0, MANY)), example: "5000000", default_words: "no bound" }

    /// Tokens a month, UTC.
    tokens_per_month: Opt<Whole> as Option<u64> = None,
        { key: "tokens_per_month", unit: "tokens", range: Some((1.0, MANY)), example: "100000000", default_words: "no bound" }

    /// Money a day, UTC, by the list prices that LIP knows and those of usage.prices_file.
    cost_per_day: Opt<Dollars> as Option<u64> = None,
        { key: "cost_per_day", range: Some((0.000_001, 1e9)), example: "5.00", default_words: "no bound" }

    /// Money a month, UTC.
    cost_per_month: Opt<Dollars> as Option<u64> = None,
        { key: "cost_per_month", range: Some((0.000_001, 1e9)), example: "100.00", default_words: "no bound" }

    /// With a bound of money: whether models of unknown price are refused, or cost nothing.
    unpriced: Opt<Unpriced> as Option<Unpriced> = None,
        { key: "unpriced", example: "\"free\"", default_words: "`refuse`" }

    /// Whether the key is an operator's: it sees the turns and the usage of all keys, asks for diagnostics, and reloads. Others see their own.
    operator: Opt<Bool> as Option<bool> = None,
        { key: "operator", example: "true", default_words: "`false`" }
}

/// One client key by its name.
#[derive(Clone, Debug)]
pub struct ClientKey {
    pub(crate) name: String,
    pub(crate) source: Source,
    pub(crate) values: ClientValues,
}

impl ClientKey {
    /// Its name: the client's in all records.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it is set.
    pub const fn source(&self) -> &Source {
        &self.source
    }

    /// The typed fields. `hash` is there.
    pub const fn values(&self) -> &ClientValues {
        &self.values
    }

    /// The fields that are set, as they are written: key and text.
    pub fn fields(&self) -> Vec<(&'static str, String)> {
        let shown =
            CLIENT_TABLE.iter().filter_map(|row| Some((row.setting.key, (row.show)(&self.values).0?)));
        shown.collect()
    }
}

/// Whether `name` can be the name of a client key.
pub fn is_client_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(is_plain)
}

/// Reads the tables of `entries`; `base` stands before their names in messages.
pub(crate) fn read(entries: &[Entry], base: &str, walk: &mut Walk<'_>, found: &mut Vec<ClientKey>) {
    for inner in entries {
        let path = if base.is_empty() { inner.key.clone() } else { format!("{base}.{}", inner.key) };
        if !is_client_name(&inner.key) {
            let message = format!("{} cannot be the name of a client key", quote(&inner.key));
            let hint = "take letters, digits, -, _ and dots, 64 at most".to_owned();
            walk.error(inner.at, base, &message, Some(hint));
        } else if let Some(first) = found.iter().find(|known| known.name == inner.key) {
            let message = format!("is set twice, first at {}", first.source);
            walk.error(inner.at, &path, &message, Some("keep one".to_owned()));
        } else {
            let client = client(inner, &path, walk);
            // A bad one has been told of.
            let is_there = matches!(&inner.node.value, Value::Map(fields) if fields.iter().any(|field| field.key == "hash"));
            if !is_there {
                let hint = "lip keys new NAME makes a key and prints its hash".to_owned();
                walk.error(inner.at, &path, "has no hash", Some(hint));
            }
            found.push(client);
        }
    }
}

/// Reads the table of tables `auth.keys`.
pub(crate) fn read_table(entry: &Entry, walk: &mut Walk<'_>, found: &mut Vec<ClientKey>) {
    let entries = entries_of(&entry.node, BASE, walk).unwrap_or_default();
    read(entries, BASE, walk, found);
}

fn client(entry: &Entry, base: &str, walk: &mut Walk<'_>) -> ClientKey {
    let mut values = ClientValues::default();
    let mut section = Section {
        table: CLIENT_TABLE,
        foreign: Vec::new(),
        values: &mut values,
        base: format!("{base}."),
        seen: BTreeMap::new(),
    };
    for field in entries_of(&entry.node, base, walk).unwrap_or_default() {
        for (path, unknown) in section.entry(&field.key, field, walk) {
            let keys = CLIENT_TABLE.iter().map(|row| row.setting.key);
            let hint = match (suggestion(&path, keys), &field.node.value) {
                (Some(meant), _) => format!("did you mean {meant}?"),
                (None, Value::Map(_)) => {
                    format!("put a name with dots in quotes: [{BASE}.\"{}.{path}\"]", entry.key)
                }
                (None, _) => "docs/guides/access.md names every field".to_owned(),
            };
            walk.error(unknown.at, base, &format!("unknown setting {}", quote(&path)), Some(hint));
        }
    }
    ClientKey { name: entry.key.clone(), source: walk.source(entry.at), values }
}

/// `sha256:` and 64 hexadecimal digits.
pub(crate) struct Hash;

impl Kind for Hash {
    type Value = String;
    type Out<'a> = &'a str;
    const SHAPE: Shape = Shape::Text;

    fn read(raw: &Raw<'_>, reader: &mut Reader<'_>) -> Option<String> {
        let is_hash = |text: &&str| {
            let digits = text.strip_prefix("sha256:").unwrap_or_default();
            digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        match raw.text().map(str::trim).filter(is_hash) {
            Some(text) => Some(text.to_ascii_lowercase()),
            // Not repeated: it may be the key itself.
            None => reader.refuse(
                raw,
                "is not sha256: and 64 hexadecimal digits",
                Some("a key itself stands in auth.api_keys; lip keys new prints hashes".to_owned()),
            ),
        }
    }

    fn get(value: &String) -> &str {
        value
    }

    fn show(value: &String) -> Option<String> {
        Some(value.clone())
    }
}

/// A date, or a date and a time, in UTC; as Unix seconds.
pub(crate) struct Moment;

impl Kind for Moment {
    type Value = (u64, String);
    type Out<'a> = u64;
    const SHAPE: Shape = Shape::Text;

    fn read(raw: &Raw<'_>, reader: &mut Reader<'_>) -> Option<(u64, String)> {
        match raw.text().and_then(|text| Some((unix_seconds(text)?, text.trim().to_owned()))) {
            Some(moment) => Some(moment),
            None => reader.mismatch(raw, "a date as 2027-01-01 or 2027-01-01T18:00:00Z, in UTC"),
        }
    }

    fn get(value: &(u64, String)) -> u64 {
        value.0
    }

    fn show(value: &(u64, String)) -> Option<String> {
        Some(value.1.clone())
    }
}
