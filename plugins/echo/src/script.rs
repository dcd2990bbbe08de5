//! The directives: lines of the prompt that begin with `#echo ` say how to answer. Pure.
use lip_plugin::{Error, Result, serde_json};
use std::str::FromStr;

/// What the directives of a prompt ask for.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Script {
    pub(crate) text: Option<String>,
    pub(crate) reasoning: Option<String>,
    /// Names and JSON arguments.
    pub(crate) tools: Vec<(String, String)>,
    pub(crate) error: Option<Failure>,
    /// Seconds.
    pub(crate) retry_after: Option<u64>,
    /// Milliseconds between two chunks.
    pub(crate) delay_ms: u64,
    /// Characters in a chunk.
    pub(crate) chunk: Option<usize>,
    pub(crate) finish: Option<String>,
    pub(crate) cut: bool,
    /// Tokens in and out.
    pub(crate) usage: Option<(u64, u64)>,
}

/// An answer that is an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) status: u16,
    pub(crate) message: String,
}

const MARK: &str = "#echo ";
const LIST: &str = "text <string>, reasoning <string>, tool <name> <json-arguments>, error <400-599> <message>, \
    retry-after <seconds>, delay <ms, at most 60000>, long <words, at most 100000>, chunk <characters, at least 1>, \
    finish <reason>, cut, usage <in> <out>";
const DELAY_MS_MAX: u64 = 60_000;
const WORDS_MAX: usize = 100_000;
const RETRY_AFTER_S_MAX: u64 = 86_400;
/// More would not fit into what clients add up.
const TOKENS_MAX: u64 = 1 << 40;

/// Splits a prompt into its script and the text that remains. Without directives the text is left as it is.
pub(crate) fn read(prompt: &str) -> Result<(Script, String)> {
    let mut script = Script::default();
    let mut rest = Vec::new();
    for line in prompt.split('\n') {
        match line.strip_prefix(MARK) {
            Some(directive) => script.obey(directive.trim_end_matches('\r'))?,
            None => rest.push(line),
        }
    }
    if script.retry_after.is_some() && script.error.is_none() {
        return Err(wrong("retry-after", "it needs an error directive beside it"));
    }
    Ok((script, rest.join("\n")))
}

fn wrong(directive: &str, why: &str) -> Error {
    Error::bad_request(format!("#echo {directive}: {why}")).hint(format!("the directives are: {LIST}"))
}

/// The first word and what follows it.
fn word(line: &str) -> (&str, &str) {
    line.split_once(' ').unwrap_or((line, ""))
}

fn number<T: FromStr + PartialOrd>(directive: &str, text: &str, min: T, max: T) -> Result<T> {
    let value = text.trim().parse().ok().filter(|value| *value >= min && *value <= max);
    value.ok_or_else(|| wrong(directive, "its number is missing or out of range"))
}

fn add_line(to: &mut Option<String>, line: &str) {
    match to {
        Some(text) => *text = format!("{text}\n{line}"),
        None => *to = Some(line.to_owned()),
    }
}

impl Script {
    fn obey(&mut self, directive: &str) -> Result<()> {
        let (name, rest) = word(directive);
        match name {
            "text" => add_line(&mut self.text, rest),
            "reasoning" => add_line(&mut self.reasoning, rest),
            "tool" => self.tools.push(tool(rest)?),
            "error" => self.error = Some(failure(rest)?),
            "retry-after" => self.retry_after = Some(number(name, rest, 0, RETRY_AFTER_S_MAX)?),
            "delay" => self.delay_ms = number(name, rest, 0, DELAY_MS_MAX)?,
            "long" => self.text = Some(words(number(name, rest, 1, WORDS_MAX)?)),
            "chunk" => self.chunk = Some(number(name, rest, 1, usize::MAX)?),
            "finish" => self.finish = Some(finish(rest)?),
            "cut" if rest.trim().is_empty() => self.cut = true,
            "usage" => {
                let (sent, got) = word(rest.trim());
                self.usage = Some((number(name, sent, 0, TOKENS_MAX)?, number(name, got, 0, TOKENS_MAX)?));
            }
            _ => return Err(wrong(directive, "unknown directive")),
        }
        Ok(())
    }
}

fn tool(rest: &str) -> Result<(String, String)> {
    let (name, arguments) = word(rest.trim());
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if name.is_empty() || name.len() > 64 || !name.chars().all(legal) {
        return Err(wrong("tool", "a name has 1 to 64 letters, digits, _ or -"));
    }
    let arguments = if arguments.trim().is_empty() { "{}" } else { arguments.trim() };
    let object =
        arguments.starts_with('{') && serde_json::from_str::<serde::de::IgnoredAny>(arguments).is_ok();
    if !object {
        return Err(wrong("tool", "the arguments are no JSON object"));
    }
    Ok((name.to_owned(), arguments.to_owned()))
}

fn failure(rest: &str) -> Result<Failure> {
    let (status, message) = word(rest.trim());
    let status = number("error", status, 400, 599)?;
    let message = if message.is_empty() { "echo was asked for an error" } else { message };
    Ok(Failure { status, message: message.to_owned() })
}

fn finish(rest: &str) -> Result<String> {
    let reason = rest.trim();
    let legal = !reason.is_empty()
        && reason.len() <= 64
        && reason.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    if legal { Ok(reason.to_owned()) } else { Err(wrong("finish", "a reason is lower-case letters and _")) }
}

fn words(n: usize) -> String {
    (1..=n).map(|i| format!("word{i}")).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(prompt: &str) -> Script {
        read(prompt).expect(prompt).0
    }

    #[test]
    fn text_without_directives_is_untouched() {
        for prompt in ["", "hi", "a\r\n\nb\n", "#echo", " #echo text x", "#echoed x", "a #echo cut"] {
            assert_eq!(read(prompt).expect(prompt), (Script::default(), prompt.to_owned()));
        }
    }

    #[test]
    fn directives_are_taken_out_of_the_text() {
        let (script, text) = read("one\n#echo delay 5\r\ntwo\n#echo cut").expect("legal");
        assert_eq!((script.delay_ms, script.cut, text.as_str()), (5, true, "one\ntwo"));
    }

    #[test]
    fn texts_are_taken_as_they_are() {
        let cases = [
            ("#echo text  two spaces ", Some(" two spaces "), None),
            ("#echo text a\n#echo text b", Some("a\nb"), None),
            ("#echo long 3", Some("word1 word2 word3"), None),
            ("#echo reasoning why\n#echo reasoning so", None, Some("why\nso")),
        ];
        for (prompt, text, reasoning) in cases {
            let script = script(prompt);
            assert_eq!((script.text.as_deref(), script.reasoning.as_deref()), (text, reasoning), "{prompt}");
        }
    }

    #[test]
    fn tools_are_names_and_json() {
        for (prompt, arguments) in
            [("#echo tool f", "{}"), (r#"#echo tool f {"a": "b c"}"#, r#"{"a": "b c"}"#)]
        {
            assert_eq!(script(prompt).tools, [("f".to_owned(), arguments.to_owned())]);
        }
    }

    #[test]
    fn manner_and_errors_are_read() {
        let manner = script("#echo chunk 1\n#echo finish length\n#echo usage 3 4\n#echo delay 60000");
        assert_eq!((manner.chunk, manner.usage, manner.delay_ms), (Some(1), Some((3, 4)), 60_000));
        assert_eq!(manner.finish.as_deref(), Some("length"));
        let failing = script("#echo error 429 slow down\n#echo retry-after 7");
        let error = failing.error.expect("an error");
        assert_eq!((error.status, error.message.as_str(), failing.retry_after), (429, "slow down", Some(7)));
    }

    #[test]
    fn bad_directives_list_the_good_ones() {
        let bad = [
            "#echo ",
            "#echo nonsense",
            "#echo cut now",
            "#echo delay",
            "#echo delay -1",
            "#echo delay 60001",
            "#echo long 0",
            "#echo long 100001",
            "#echo chunk 0",
            "#echo error 200 x",
            "#echo error x",
            "#echo retry-after 5",
            "#echo usage 1",
            "#echo usage 1 2 3",
            "#echo tool",
            "#echo tool f [1]",
            "#echo tool f {",
            "#echo tool f {} {}",
            "#echo tool a.b {}",
            "#echo finish",
            "#echo finish \"",
            "#echo usage 1 99999999999999999999",
        ];
        for prompt in bad {
            let error = read(prompt).expect_err(prompt);
            assert_eq!(error.code(), "bad_request", "{prompt}");
            assert!(format!("{error:?}").contains("the directives are: text <string>"), "{error:?}");
        }
    }
}
