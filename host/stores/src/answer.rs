//! Answers that clients may continue by their id at any host. Each is kept with what it adds to its conversation and with the name of
//! the one that it continues, so that a long conversation is not written anew with every answer.
use crate::link::{Call, Link, Lost, millis};
use crate::names::{Hex, Names};
use redis::{RedisWrite, Script, ToRedisArgs, Value};
use sessions::{Key, Scope};
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

/// The form of what is kept; others are not read.
const FORM: &[u8] = b"2";
/// Answers of one conversation that follow each other. A longer one is written whole now and then.
const CHAIN_MAX: usize = 256;
/// Bytes of a whole conversation.
const BYTES_MAX: usize = 16 << 20;

/// An answer as it is read. Texts are whatever was written: who reads them believes nothing of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The items of the conversation as raw JSON, joined by commas, in their order.
    pub input: Vec<String>,
    /// The items of the answer, likewise.
    pub output: String,
    /// `instructions` as raw JSON.
    pub instructions: Option<String>,
    /// The response object, where it may be fetched.
    pub response: Option<String>,
    /// The backend that has stored it, too.
    pub upstream: Option<String>,
}

/// An answer as it is written. See [`Answer`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft<'a> {
    /// What the request added to the conversation that it continues, or the whole of it.
    pub input: Vec<&'a str>,
    /// The items of the answer.
    pub output: &'a str,
    /// `instructions` as raw JSON.
    pub instructions: Option<&'a str>,
    /// The response object, where it may be fetched.
    pub response: Option<&'a str>,
    /// The backend that has stored it, too.
    pub upstream: Option<&'a str>,
}

/// What the server knows of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Nothing,
    /// Its client has deleted it.
    Gone,
    /// The host's own copy is good.
    Known,
    /// This.
    Answer(Answer),
}

/// What was asked of an answer that is to continue another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// It is kept.
    Kept,
    /// What it continues is not there, or the conversation is long: nothing was written, and it has to be written whole.
    Alone,
}

/// The shared answers, as one host sees them.
#[derive(Debug)]
pub struct Answers {
    link: Arc<Link>,
    ttl: Duration,
    find: Script,
    write: Script,
    forget: Script,
}

/// An answer that is about to be written, by itself or together with its session.
#[derive(Clone, Copy)]
pub struct Writing<'a> {
    names: Names<'a>,
    ttl: Duration,
    id: Key,
    before: Option<Key>,
    draft: &'a Draft<'a>,
}

impl Draft<'_> {
    fn fields(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let all =
            [("instructions", self.instructions), ("response", self.response), ("upstream", self.upstream)];
        all.into_iter().filter_map(|(field, text)| Some((field, text?)))
    }

    fn bytes(&self) -> usize {
        Joined(&self.input).len()
            + self.output.len()
            + self.fields().map(|(_, text)| text.len()).sum::<usize>()
    }
}

impl Writing<'_> {
    pub(crate) fn bytes(&self) -> usize {
        self.draft.bytes()
    }

    pub(crate) fn n_values(&self) -> usize {
        4 + 2 * (3 + self.draft.fields().count())
    }

    /// The key of `write.lua`.
    pub(crate) fn add_key(&self, call: &mut Call<'_>) {
        call.add(self.names.answer(self.id));
    }

    /// The values of `write.lua`.
    pub(crate) fn add_values(&self, call: &mut Call<'_>) {
        call.add(self.names.answers());
        call.add(millis(self.ttl));
        match self.before {
            Some(before) => call.add(Hex(*before.as_bytes())),
            None => call.add(""),
        };
        call.add(CHAIN_MAX).add("form").add(FORM);
        call.add("input").add(Joined(&self.draft.input)).add("output").add(self.draft.output);
        for (field, text) in self.draft.fields() {
            call.add(field).add(text);
        }
    }
}

/// The script that writes an answer.
pub(crate) const WRITE: &str = include_str!("answer/write.lua");

/// Reads what it answers.
pub(crate) fn written(told: &Value) -> Written {
    if *told == Value::Int(1) { Written::Kept } else { Written::Alone }
}

/// Texts as one, with commas between them.
struct Joined<'a>(&'a [&'a str]);

impl Joined<'_> {
    fn len(&self) -> usize {
        self.0.iter().map(|text| text.len() + 1).sum::<usize>().saturating_sub(1)
    }

    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        for (nth, text) in self.0.iter().enumerate() {
            if nth > 0 {
                out.write_all(b",")?;
            }
            out.write_all(text.as_bytes())?;
        }
        Ok(())
    }
}

impl ToRedisArgs for Joined<'_> {
    fn write_redis_args<W: ?Sized + RedisWrite>(&self, out: &mut W) {
        // What is written to is memory.
        let _ = self.write(&mut out.writer_for_next_arg());
    }
}

impl Answers {
    /// The answers behind `link`, which are forgotten there after `ttl`.
    pub fn new(link: Arc<Link>, ttl: Duration) -> Self {
        let script = Script::new;
        Self {
            link,
            ttl,
            find: script(include_str!("answer/find.lua")),
            write: script(WRITE),
            forget: script(include_str!("answer/forget.lua")),
        }
    }

    /// The link that they are behind.
    pub const fn link(&self) -> &Arc<Link> {
        &self.link
    }

    fn names(&self, scope: Scope) -> Names<'_> {
        Names::of(self.link.keys(), scope)
    }

    /// The answer `id` of `scope`. `is_known`: the host has it itself, and only asks whether it may still be used.
    ///
    /// # Errors
    /// The server does not say.
    pub async fn find(&self, scope: Scope, id: &str, is_known: bool) -> Result<Found, Lost> {
        let names = self.names(scope);
        let mut call = Call::new(&self.find, 1, 4);
        call.add(names.answer(Key::response(scope, id))).add(names.answers());
        call.add(if is_known { "1" } else { "" }).add(CHAIN_MAX).add(BYTES_MAX);
        self.link.carry_out(&call).await.map(found)
    }

    /// What keeps an answer of `scope`, which continues `before`, an answer that is kept, or is whole. None where it is too large.
    pub fn writing<'a>(
        &'a self,
        (scope, id): (Scope, &str),
        draft: &'a Draft<'a>,
        before: Option<&str>,
    ) -> Option<Writing<'a>> {
        let bytes = draft.bytes();
        if bytes > BYTES_MAX {
            tracing::debug!(bytes, "a response is too large to be shared");
            return None;
        }
        let key = |id| Key::response(scope, id);
        Some(Writing { names: self.names(scope), ttl: self.ttl, id: key(id), before: before.map(key), draft })
    }

    /// Keeps an answer.
    ///
    /// # Errors
    /// The server does not say.
    pub async fn write(&self, writing: &Writing<'_>) -> Result<Written, Lost> {
        let mut call = Call::with_room(&self.write, 1, writing.n_values(), writing.draft.bytes());
        writing.add_key(&mut call);
        writing.add_values(&mut call);
        self.link.carry_out(&call).await.map(|told| written(&told))
    }

    /// Has nobody find an answer any more. True if there was one.
    ///
    /// # Errors
    /// The server does not say.
    pub async fn forget(&self, scope: Scope, id: &str) -> Result<bool, Lost> {
        let mut call = Call::new(&self.forget, 1, 0);
        call.add(self.names(scope).answer(Key::response(scope, id)));
        let answer = self.link.carry_out(&call).await?;
        Ok(answer == Value::Int(1))
    }
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => String::from_utf8(bytes).ok(),
        Value::SimpleString(text) => Some(text),
        _ => None,
    }
}

/// Reads what `find.lua` answers.
fn found(value: Value) -> Found {
    let Value::Array(values) = value else {
        return match text(value).as_deref() {
            Some("gone") => Found::Gone,
            Some("known") => Found::Known,
            _ => Found::Nothing,
        };
    };
    whole(values).map_or(Found::Nothing, Found::Answer)
}

fn whole(values: Vec<Value>) -> Option<Answer> {
    let mut texts = values.into_iter().map(text).collect::<Option<Vec<_>>>()?.into_iter();
    if texts.next()?.as_bytes() != FORM {
        return None;
    }
    let mut own = || texts.next().map(|text| Some(text).filter(|text| !text.is_empty()));
    let (response, instructions, upstream) = (own()?, own()?, own()?);
    let (input, output) = (texts.next()?, texts.next()?);
    let mut items = vec![input];
    // What is older follows, pair by pair: the newest first.
    while let Some(input) = texts.next() {
        items.push(texts.next()?);
        items.push(input);
    }
    items.reverse();
    items.retain(|item| !item.is_empty());
    Some(Answer { input: items, output, instructions, response, upstream })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    fn array(texts: &[&str]) -> Value {
        Value::Array(texts.iter().map(|text| bulk(text)).collect())
    }

    #[test]
    fn a_chain_is_read_from_its_beginning() {
        let value = array(&["2", "{}", "", "up", "i3", "o3", "i2", "o2", "", "o1"]);
        let Found::Answer(answer) = found(value) else { panic!("an answer") };
        assert_eq!(answer.input, ["o1", "i2", "o2", "i3"]);
        assert_eq!((answer.output.as_str(), answer.response.as_deref()), ("o3", Some("{}")));
        assert_eq!((answer.instructions, answer.upstream.as_deref()), (None, Some("up")));
    }

    #[test]
    fn other_answers_are_nothing() {
        assert_eq!(found(bulk("gone")), Found::Gone);
        assert_eq!(found(bulk("known")), Found::Known);
        for bad in [
            Value::Nil,
            bulk("x"),
            Value::Int(1),
            array(&[]),
            array(&["1", "", "", "", "i", "o"]),
            array(&["2", "", "", "", "i"]),
            array(&["2", "", "", "", "i", "o", "i2"]),
            Value::Array(vec![bulk("2"), Value::Int(3)]),
            Value::Array(vec![Value::BulkString(vec![0xff])]),
        ] {
            assert_eq!(found(bad.clone()), Found::Nothing, "{bad:?}");
        }
    }
}
