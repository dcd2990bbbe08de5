//! What a browser brings back, or a human pastes (RFC 6749 section 4.1.2). Pure.
use base::Secret;
use percent_encoding::percent_decode_str;
use subtle::ConstantTimeEq;

/// Longer texts are no answers of a login.
const TEXT_MAX: usize = 8_192;
/// So much of a server's words is repeated.
const WORDS_MAX: usize = 200;

/// Why there is no code in an answer. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoCode {
    /// It answers another question than ours.
    #[error("the answer belongs to another login: use the link that was shown last")]
    WrongState,
    /// The login server, or the human, said no.
    #[error("the login was refused ({0}): log in again and allow the access")]
    Refused(String),
    /// There is none.
    #[error("there is no code in it: copy the whole address that the browser ended at, or the code alone")]
    Missing,
}

/// The code in the query of a redirect. `sent`: our state, which is looked at before anything else.
///
/// # Errors
/// It is not ours, says no, or has no code.
pub fn returned(query: &str, sent: &str) -> Result<Secret<String>, NoCode> {
    if query.len() > TEXT_MAX {
        return Err(NoCode::Missing);
    }
    let state = parameter(query, "state").ok_or(NoCode::WrongState)?;
    if !is_state(sent, &state) {
        return Err(NoCode::WrongState);
    }
    if let Some(error) = parameter(query, "error") {
        let words = parameter(query, "error_description").filter(|words| !words.is_empty()).unwrap_or(error);
        return Err(NoCode::Refused(plain(&words)));
    }
    code(&parameter(query, "code").ok_or(NoCode::Missing)?)
}

/// The code in what a human pasted: the whole address, its query, the code with the state behind `#`, or the code alone. Where a state
/// is there it has to be ours; a code alone is the human's own word.
///
/// # Errors
/// It is not ours, says no, or has no code.
pub fn pasted(text: &str, sent: &str) -> Result<Secret<String>, NoCode> {
    let text = text.trim().trim_matches(['"', '\'', '<', '>']);
    if text.len() > TEXT_MAX {
        return Err(NoCode::Missing);
    }
    if let Some((_, rest)) = text.split_once('?') {
        return returned(rest.split('#').next().unwrap_or(rest), sent);
    }
    if ["code=", "state=", "error="].iter().any(|key| text.starts_with(key)) {
        return returned(text, sent);
    }
    match text.split_once('#') {
        Some((bare, state)) if is_state(sent, state) => code(bare),
        Some(_) => Err(NoCode::WrongState),
        None => code(text),
    }
}

/// Whether `given` is the state that was sent, in a time that tells nothing.
fn is_state(sent: &str, given: &str) -> bool {
    sent.as_bytes().ct_eq(given.as_bytes()).into()
}

/// A code is visible ASCII (RFC 6749, appendix A.11) and no address.
fn code(text: &str) -> Result<Secret<String>, NoCode> {
    let is_code = !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic()) && !text.contains("://");
    is_code.then(|| Secret::new(text.to_owned())).ok_or(NoCode::Missing)
}

/// The value of a parameter that is there once. Two of a kind are none: nobody knows which one was meant.
fn parameter(query: &str, name: &str) -> Option<String> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let mut values = pairs.filter(|(key, _)| *key == name).map(|(_, value)| value);
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    percent_decode_str(&value.replace('+', " ")).decode_utf8().ok().map(Into::into)
}

/// A server's words without what could move a terminal.
fn plain(words: &str) -> String {
    words.chars().filter(|c| !c.is_control()).take(WORDS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn told(result: Result<Secret<String>, NoCode>) -> Result<String, NoCode> {
        result.map(|code| code.expose().clone())
    }

    #[test]
    fn redirects_are_read() {
        let refused = |words: &str| Err(NoCode::Refused(words.into()));
        for (query, want) in [
            ("code=4%2Fabc&state=s1", Ok("4/abc".to_owned())),
            ("state=s1&scope=a+b&code=c-d_e", Ok("c-d_e".to_owned())),
            ("code=c&state=s2", Err(NoCode::WrongState)),
            ("code=c", Err(NoCode::WrongState)),
            ("code=c&state=s1&state=s1", Err(NoCode::WrongState)),
            ("error=access_denied&state=s2", Err(NoCode::WrongState)),
            ("error=access_denied&state=s1", refused("access_denied")),
            ("error=x&error_description=You+said%20no%0A%1b[31m&state=s1&code=c", refused("You said no[31m")),
            ("state=s1", Err(NoCode::Missing)),
            ("state=s1&code=", Err(NoCode::Missing)),
            ("state=s1&code=a&code=b", Err(NoCode::Missing)),
            ("state=s1&code=%ff", Err(NoCode::Missing)),
            ("state=s1&code=a%0d%0ab", Err(NoCode::Missing)),
            ("", Err(NoCode::WrongState)),
        ] {
            assert_eq!(told(returned(query, "s1")), want, "{query}");
        }
        assert_eq!(returned(&format!("state=s1&code={}", "c".repeat(9_000)), "s1"), Err(NoCode::Missing));
    }

    #[test]
    fn pasted_texts_are_read() {
        for (text, want) in [
            (" http://localhost:8085/cb?code=4%2Fa&state=s1#x\n", Ok("4/a")),
            ("\"http://127.0.0.1:1/cb?state=s1&code=c\"", Ok("c")),
            ("code=c&state=s1", Ok("c")),
            ("4/0AbC-d", Ok("4/0AbC-d")),
            ("c#s1", Ok("c")),
            ("c#s2", Err(NoCode::WrongState)),
            ("http://localhost/cb?code=c", Err(NoCode::WrongState)),
            ("code=c&state=s2", Err(NoCode::WrongState)),
            ("http://localhost/cb", Err(NoCode::Missing)),
            ("two words", Err(NoCode::Missing)),
            ("", Err(NoCode::Missing)),
        ] {
            assert_eq!(told(pasted(text, "s1")), want.map(str::to_owned), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text in "\\PC{0,80}", sent in "[a-z]{0,4}") {
            let _ = pasted(&text, &sent);
            let _ = returned(&text, &sent);
        }
    }
}
