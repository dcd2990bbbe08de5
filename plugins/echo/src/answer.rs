//! Makes the answer that a request and its script ask for, and cuts it into pieces. Pure.
use crate::ask::{Ask, Request};
use crate::script::{Failure, Script, read};
use lip_plugin::Result;

/// An answer in full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) reasoning: String,
    pub(crate) text: String,
    /// Names and JSON arguments.
    pub(crate) tools: Vec<(String, String)>,
    pub(crate) finish: String,
    pub(crate) usage: Usage,
}

/// Tokens as asked for, else words as echo counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) sent: u64,
    pub(crate) got: u64,
    pub(crate) reasoning: u64,
}

/// How the answer is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Manner {
    pub(crate) delay_ms: u64,
    pub(crate) chunk: usize,
    pub(crate) cut: bool,
}

/// Something to say, or an error to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reply {
    Say(Answer, Manner),
    Fail(Failure, Option<u64>),
}

/// One delta of a streamed answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    Reasoning(&'a str),
    Text(&'a str),
    /// A call begins: its index and name.
    Call(usize, &'a str),
    /// More of the arguments of the call with this index.
    Arguments(usize, &'a str),
}

/// The model that always thinks first.
pub(crate) const REASONER: &str = "echo-reasoner";

const CHUNK_CHARS: usize = 16;
const THOUGHT_CHARS: usize = 40;

/// Decides what to answer.
pub(crate) fn decide(request: &Request, model: &str) -> Result<Reply> {
    let (script, text, asked) = match &request.ask {
        Ask::Tool(result) => (Script::default(), format!("tool said: {result}"), count(result)),
        Ask::User { text, images } => {
            let (script, mut rest) = read(text)?;
            for image in images {
                let line_break = if rest.is_empty() { "" } else { "\n" };
                rest = format!("{rest}{line_break}[image {image}]");
            }
            (script, rest, count(text))
        }
    };
    if let Some(failure) = script.error {
        return Ok(Reply::Fail(failure, script.retry_after));
    }
    let text = script.text.unwrap_or(text);
    let thought = || format!("thinking about: {}", text.chars().take(THOUGHT_CHARS).collect::<String>());
    let reasoning = script.reasoning.or_else(|| (model == REASONER).then(thought)).unwrap_or_default();
    let said = count(&text)
        + count(&reasoning)
        + script.tools.iter().map(|(_, arguments)| count(arguments)).sum::<u64>();
    let (sent, got) = script.usage.unwrap_or((asked, said));
    let usage = Usage { sent, got, reasoning: count(&reasoning).min(got) };
    let finish =
        script.finish.unwrap_or_else(|| if script.tools.is_empty() { "stop" } else { "tool_calls" }.into());
    let manner =
        Manner { delay_ms: script.delay_ms, chunk: script.chunk.unwrap_or(CHUNK_CHARS), cut: script.cut };
    Ok(Reply::Say(Answer { reasoning, text, tools: script.tools, finish, usage }, manner))
}

fn count(text: &str) -> u64 {
    text.split_whitespace().count() as u64
}

impl Answer {
    /// The answer as deltas of at most `chars` characters, in the order in which a model says them.
    pub(crate) fn pieces(&self, chars: usize) -> impl Iterator<Item = Piece<'_>> {
        let reasoning = cut(&self.reasoning, chars).map(Piece::Reasoning);
        let text = cut(&self.text, chars).map(Piece::Text);
        let calls = self.tools.iter().enumerate().flat_map(move |(index, (name, arguments))| {
            let begin = std::iter::once(Piece::Call(index, name));
            begin.chain(cut(arguments, chars).map(move |part| Piece::Arguments(index, part)))
        });
        reasoning.chain(text).chain(calls)
    }
}

/// `text` in parts of `chars` (at least 1) characters.
fn cut(text: &str, chars: usize) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let end = rest.char_indices().nth(chars.max(1)).map_or(rest.len(), |(at, _)| at);
        let (part, tail) = rest.split_at_checked(end)?;
        rest = tail;
        (!part.is_empty()).then_some(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn say(ask: Ask, model: &str) -> Answer {
        match decide(&Request { ask, include_usage: false }, model).expect("legal") {
            Reply::Say(answer, _) => answer,
            Reply::Fail(failure, _) => panic!("{failure:?}"),
        }
    }

    fn user(text: &str) -> Ask {
        Ask::User { text: text.into(), images: Vec::new() }
    }

    #[test]
    fn text_comes_back_exactly() {
        let answer = say(user(" a\n b\t"), "echo");
        assert_eq!((answer.text.as_str(), answer.finish.as_str()), (" a\n b\t", "stop"));
        assert_eq!(answer.usage, Usage { sent: 2, got: 2, reasoning: 0 });
    }

    #[test]
    fn tools_finish_as_tool_calls_and_keep_the_text() {
        let answer = say(user("#echo tool f {\"a\":1}\nwait"), "echo");
        assert_eq!((answer.text.as_str(), answer.finish.as_str()), ("wait", "tool_calls"));
        let pieces: Vec<_> = answer.pieces(4).collect();
        use Piece::{Arguments, Call, Text};
        assert_eq!(pieces, [Text("wait"), Call(0, "f"), Arguments(0, "{\"a\""), Arguments(0, ":1}")]);
    }

    #[test]
    fn reasoner_thinks_first() {
        let long = "x".repeat(60);
        let answer = say(user(&long), REASONER);
        assert_eq!(answer.reasoning, format!("thinking about: {}", "x".repeat(40)));
        assert_eq!(say(user("#echo reasoning own\nhi"), REASONER).reasoning, "own");
    }

    #[test]
    fn tool_result_holds_no_directives() {
        assert_eq!(say(Ask::Tool("#echo cut".into()), "echo").text, "tool said: #echo cut");
    }

    #[test]
    fn pictures_are_lines_below_the_text() {
        let ask = |text: &str| Ask::User { text: text.into(), images: vec!["image/png".into()] };
        assert_eq!(say(ask("see"), "echo").text, "see\n[image image/png]");
        assert_eq!(say(ask(""), "echo").text, "[image image/png]");
    }

    #[test]
    fn no_character_is_split() {
        let text = "é漢🦀👨‍👩‍👧a";
        for chars in [0, 1, 2, 3, 16, usize::MAX] {
            let parts: Vec<_> = cut(text, chars).collect();
            assert_eq!(parts.concat(), text);
            assert!(parts.iter().all(|part| part.chars().count() <= chars.max(1)));
        }
        assert_eq!(cut("", 3).count(), 0);
    }
}
