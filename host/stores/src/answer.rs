//! Answers that clients may continue by their id at any host. Each is kept with what it adds to its conversation and with the name of
//! the one that it continues, so that a long conversation is not written anew with every answer.
use crate::link::{Link, Lost};
use redis::{Script, Value};
use sessions::{Key, Scope};
use std::sync::Arc;
use std::time::Duration;

/// The form of what is kept; others are not read.
const FORM: &[u8] = b"1";
/// Answers of one conversation that follow each other. A longer one is written whole now and then.
const CHAIN_MAX: usize = 256;
/// Bytes of a whole conversation.
const BYTES_MAX: usize = 16 << 20;

/// An answer as it is kept. Texts are whatever was written: who reads them believes nothing of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The items of the conversation as raw JSON, joined by commas, in their order. When it is written: what the request added.
    pub input: Vec<String>,
    /// The items of the answer, likewise.
    pub output: String,
    /// `instructions` as raw JSON.
    pub instructions: Option<String>,
    /// The response object, where it may be fetched.
    pub response: Option<String>,
    /// The session in which it was given.
    pub session: Option<String>,
    /// The backend that has stored it, too.
    pub upstream: Option<String>,
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

struct Names {
    all: String,
}

impl Names {
    fn of(link: &Link, scope: Scope) -> Self {
        Self { all: link.keys().of("answer", &base::hex(scope.as_bytes())) + ":" }
    }

    fn name(scope: Scope, id: &str) -> String {
        base::hex(Key::response(scope, id).as_bytes())
    }

    fn key(&self, scope: Scope, id: &str) -> String {
        format!("{}{}", self.all, Self::name(scope, id))
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
            write: script(include_str!("answer/write.lua")),
            forget: script(include_str!("answer/forget.lua")),
        }
    }

    /// The link that they are behind.
    pub const fn link(&self) -> &Arc<Link> {
        &self.link
    }

    /// The answer `id` of `scope`. `is_known`: the host has it itself, and only asks whether it may still be used.
    ///
    /// # Errors
    /// The server does not say.
    pub async fn find(&self, scope: Scope, id: &str, is_known: bool) -> Result<Found, Lost> {
        let names = Names::of(&self.link, scope);
        let known = if is_known { "1" } else { "" };
        let (chain_max, bytes_max) = (CHAIN_MAX.to_string(), BYTES_MAX.to_string());
        let args = [names.all.as_str(), known, &chain_max, &bytes_max];
        self.link.script(&self.find, &[names.key(scope, id)], &args).await.map(found)
    }

    /// Keeps `answer`, which continues `before`, an answer that is kept, or is whole.
    ///
    /// # Errors
    /// The server does not say.
    pub async fn write(
        &self,
        scope: Scope,
        id: &str,
        answer: &Answer,
        before: Option<&str>,
    ) -> Result<Written, Lost> {
        let names = Names::of(&self.link, scope);
        let input = answer.input.join(",");
        let size = input.len() + answer.output.len() + answer.response.as_ref().map_or(0, String::len);
        if size > BYTES_MAX {
            tracing::debug!(size, "a response is too large to be shared");
            return Ok(Written::Kept);
        }
        let ttl = self.ttl.as_millis().max(1).to_string();
        let (before, chain_max) =
            (before.map(|id| Names::name(scope, id)).unwrap_or_default(), CHAIN_MAX.to_string());
        let mut args: Vec<&[u8]> =
            vec![names.all.as_bytes(), ttl.as_bytes(), before.as_bytes(), chain_max.as_bytes()];
        args.extend([
            b"form".as_slice(),
            FORM,
            b"input",
            input.as_bytes(),
            b"output",
            answer.output.as_bytes(),
        ]);
        for (field, text) in [
            ("instructions", &answer.instructions),
            ("response", &answer.response),
            ("session", &answer.session),
            ("upstream", &answer.upstream),
        ] {
            if let Some(text) = text {
                args.extend([field.as_bytes(), text.as_bytes()]);
            }
        }
        let answer = self.link.script(&self.write, &[names.key(scope, id)], &args).await?;
        Ok(if answer == Value::Int(1) { Written::Kept } else { Written::Alone })
    }

    /// Has nobody find an answer any more. True if there was one.
    ///
    /// # Errors
    /// The server does not say.
    pub async fn forget(&self, scope: Scope, id: &str) -> Result<bool, Lost> {
        let names = Names::of(&self.link, scope);
        let none: [&str; 0] = [];
        let answer = self.link.script(&self.forget, &[names.key(scope, id)], &none).await?;
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
    let (response, instructions, session, upstream) = (own()?, own()?, own()?, own()?);
    let (input, output) = (texts.next()?, texts.next()?);
    let mut items = vec![input];
    // What is older follows, pair by pair: the newest first.
    while let Some(input) = texts.next() {
        items.push(texts.next()?);
        items.push(input);
    }
    items.reverse();
    items.retain(|item| !item.is_empty());
    Some(Answer { input: items, output, instructions, response, session, upstream })
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
        let value = array(&["1", "{}", "", "s", "", "i3", "o3", "i2", "o2", "", "o1"]);
        let Found::Answer(answer) = found(value) else { panic!("an answer") };
        assert_eq!(answer.input, ["o1", "i2", "o2", "i3"]);
        assert_eq!((answer.output.as_str(), answer.response.as_deref()), ("o3", Some("{}")));
        assert_eq!(
            (answer.instructions, answer.session.as_deref(), answer.upstream),
            (None, Some("s"), None)
        );
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
            array(&["2", "", "", "", "", "i", "o"]),
            array(&["1", "", "", "", "", "i"]),
            array(&["1", "", "", "", "", "i", "o", "i2"]),
            Value::Array(vec![bulk("1"), Value::Int(3)]),
            Value::Array(vec![Value::BulkString(vec![0xff])]),
        ] {
            assert_eq!(found(bad.clone()), Found::Nothing, "{bad:?}");
        }
    }
}
