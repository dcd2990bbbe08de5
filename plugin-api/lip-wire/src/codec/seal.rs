//! How seals of a dialect travel through clients of another: in the place of that dialect's own seals, which clients send back as they are. Such a value says
//! whose it is, so that it goes home to the dialect that made it and nowhere else; no vendor's own value begins like it. Nothing is invented: what no
//! upstream sealed gets no seal.
use base64::{Engine, engine::general_purpose::STANDARD};
use memchr::memmem;

use crate::{
    Dialect,
    canon::{Content, Part, Reasoning, Sealed},
    lens::cursor::CARRIED,
};

const MARK: &str = CARRIED[0];

/// What a foreign seal belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seals {
    /// The readable reasoning beside it ([`crate::canon::Part::signature`]).
    Reasoning,
    /// The part before it, which is no reasoning (a Gemini call or text).
    Previous,
    /// The part after it, which is no reasoning.
    Next,
    /// Nothing readable: it is the reasoning itself.
    Encrypted,
    /// The same, withheld on purpose.
    Redacted,
}

impl Seals {
    const ALL: [Self; 5] = [Self::Reasoning, Self::Previous, Self::Next, Self::Encrypted, Self::Redacted];

    const fn word(self) -> &'static str {
        match self {
            Self::Reasoning => "signature",
            Self::Previous => "previous",
            Self::Next => "next",
            Self::Encrypted => "encrypted",
            Self::Redacted => "redacted",
        }
    }
}

/// The value that carries a seal of another dialect.
pub(crate) fn pack(sealed: &Sealed, seals: Seals) -> String {
    format!("{MARK}{}:{}:{}", sealed.dialect, seals.word(), sealed.data)
}

/// Reads such a value; `None` if it is the vendor's own.
pub(crate) fn unpack(content: &str) -> Option<(Seals, Sealed)> {
    let (dialect, rest) = content.strip_prefix(MARK)?.split_once(':')?;
    let (word, data) = rest.split_once(':')?;
    let dialect: Dialect = dialect.parse().ok()?;
    let seals = Seals::ALL.into_iter().find(|seals| seals.word() == word)?;
    let data = data.to_owned();
    Some((seals, Sealed { dialect, data }))
}

/// [`pack`] for places that take base64 only.
pub(crate) fn pack_base64(sealed: &Sealed, seals: Seals) -> String {
    STANDARD.encode(pack(sealed, seals))
}

/// Reads what [`pack_base64`] wrote, also if a client spelled it in the alphabet of URLs.
pub(crate) fn unpack_base64(content: &str) -> Option<(Seals, Sealed)> {
    // The mark is the same in both alphabets; most seals are the vendor's own and end here.
    content.strip_prefix(CARRIED[1])?;
    let standard = content.replace('-', "+").replace('_', "/");
    let bytes = STANDARD.decode(standard).ok()?;
    unpack(std::str::from_utf8(&bytes).ok()?)
}

/// What of a reasoning part a client of `own` must carry for another dialect.
pub(crate) fn carried<'p>(
    part: &'p Part,
    reasoning: &'p Reasoning,
    own: Dialect,
) -> Option<(&'p Sealed, Seals)> {
    let foreign = |sealed: &&Sealed| sealed.dialect != own && !sealed.data.is_empty();
    let whole = if reasoning.redacted { Seals::Redacted } else { Seals::Encrypted };
    let encrypted = reasoning.encrypted.as_ref().filter(foreign).map(|sealed| (sealed, whole));
    encrypted.or_else(|| part.signature.as_ref().filter(foreign).map(|sealed| (sealed, Seals::Reasoning)))
}

/// Puts a carried seal back where it belongs. `false` if the part is no reasoning, or the seal not one of reasoning.
pub(crate) fn unpacked_into(part: &mut Part, (seals, sealed): (Seals, Sealed)) -> bool {
    let Content::Reasoning(thought) = &mut part.content else {
        return false;
    };
    // What OpenAI and Gemini show of their reasoning are summaries, what the others show is its text.
    if matches!(sealed.dialect, Dialect::OpenAiResponses | Dialect::Gemini) {
        thought.summary.append(&mut thought.text);
    } else {
        thought.text.append(&mut thought.summary);
    }
    match seals {
        Seals::Reasoning => part.signature = Some(sealed),
        Seals::Encrypted | Seals::Redacted => {
            thought.redacted = seals == Seals::Redacted;
            thought.encrypted = Some(sealed);
            part.signature = None;
        }
        Seals::Previous | Seals::Next => return false,
    }
    true
}

/// The seal of another dialect that a part which is no reasoning bears.
pub(crate) fn borne(part: &Part, own: Dialect) -> Option<&Sealed> {
    let is_thought = matches!(part.content, Content::Reasoning(_));
    part.signature.as_ref().filter(|sealed| !is_thought && sealed.dialect != own && !sealed.data.is_empty())
}

/// What a part carries that is nothing but the carrier of a neighbour's seal.
fn neighbours(part: &Part) -> Option<(Seals, Sealed)> {
    let Content::Reasoning(thought) = &part.content else { return None };
    let carried = unpack(&thought.encrypted.as_ref()?.data)?;
    matches!(carried.0, Seals::Previous | Seals::Next).then_some(carried)
}

/// Gives seals of neighbours back to them, and takes their carriers away.
pub(crate) fn bring_home(parts: &mut Vec<Part>) {
    if !parts.iter().any(|part| neighbours(part).is_some()) {
        return;
    }
    let mut next = None;
    for mut part in std::mem::replace(parts, Vec::with_capacity(parts.len())) {
        match neighbours(&part) {
            Some((Seals::Next, sealed)) => next = Some(sealed),
            Some((_, sealed)) => {
                if let Some(before) = parts.last_mut() {
                    before.signature = Some(sealed);
                }
            }
            None => {
                if !matches!(part.content, Content::Reasoning(_)) {
                    part.signature = next.take().or(part.signature);
                }
                parts.push(part);
            }
        }
    }
}

/// Whether a Messages body seems to hold thinking that nobody signed. The vendor's own API refuses it, others take back what they said themselves.
pub fn holds_unsigned_thinking(body: &[u8]) -> bool {
    const KEY: &[u8] = b"\"signature\"";
    memmem::find_iter(body, KEY).any(|at| {
        let rest = body.get(at + KEY.len()..).unwrap_or_default().trim_ascii_start();
        rest.strip_prefix(b":").is_some_and(|value| value.trim_ascii_start().starts_with(b"\"\""))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seals_of_neighbours_are_given_to_them() {
        let sealed = |data: &str| Sealed { dialect: Dialect::Gemini, data: data.to_owned() };
        let carrier = |data: &str, seals| {
            let data = pack(&sealed(data), seals);
            let encrypted = Some(Sealed { dialect: Dialect::AnthropicMessages, data });
            Part::new(Content::Reasoning(Reasoning { encrypted, redacted: true, ..Reasoning::default() }))
        };
        let thought = Part::new(Content::Reasoning(Reasoning::default()));
        let mut parts = vec![
            carrier("a", Seals::Previous),
            carrier("b", Seals::Next),
            thought.clone(),
            Part::text("x"),
            Part::text("y"),
            carrier("c", Seals::Previous),
            carrier("d", Seals::Next),
        ];
        bring_home(&mut parts);
        let signed = |text: &str, data: &str| Part { signature: Some(sealed(data)), ..Part::text(text) };
        assert_eq!(parts, [thought, signed("x", "b"), signed("y", "c")]);
    }

    #[test]
    fn empty_signatures_are_seen() {
        for (body, expected) in [
            (r#"{"thinking":"x","signature":""}"#, true),
            ("{\"signature\" :\n \"\" }", true),
            (r#"{"signature":"a"} {"signature":null} "signature""#, false),
            (r#"{"text":"\"signature\":\"\""}"#, false),
        ] {
            assert_eq!(holds_unsigned_thinking(body.as_bytes()), expected, "{body}");
        }
    }

    #[test]
    fn foreign_seals_come_back_and_own_ones_stay() {
        let sealed = Sealed { dialect: Dialect::AnthropicMessages, data: "a:b==".to_owned() };
        for seals in Seals::ALL {
            assert_eq!(unpack(&pack(&sealed, seals)), Some((seals, sealed.clone())));
        }
        for data in ["a:b==", "sig>>>???"] {
            let sealed = Sealed { dialect: Dialect::AnthropicMessages, data: data.to_owned() };
            let packed = pack_base64(&sealed, Seals::Reasoning);
            let of_url = packed.replace('+', "-").replace('/', "_");
            assert!(CARRIED.iter().any(|mark| of_url.starts_with(mark)), "{of_url}");
            for spelling in [packed, of_url] {
                assert_eq!(unpack_base64(&spelling), Some((Seals::Reasoning, sealed.clone())));
            }
        }
        for own in ["gAAAAB", "lip1:", "lip1:mars:signature:x", "lip1:gemini:what:x"] {
            assert_eq!(unpack(own), None, "{own}");
        }
    }
}
