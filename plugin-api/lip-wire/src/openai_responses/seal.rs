//! How seals of other dialects travel through a Responses client: in `encrypted_content`, which clients send back as it is. Such a value says whose it is, so
//! that it goes home to the dialect that made it and nowhere else; OpenAI's own values never begin like it.
use crate::{Dialect, canon::Sealed};

const MARK: &str = "lip1:";

/// What a foreign seal belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seals {
    /// The readable reasoning beside it ([`crate::canon::Part::signature`]).
    Reasoning,
    /// The part before it, which is no reasoning (a Gemini call).
    Previous,
    /// Nothing readable: it is the reasoning itself.
    Encrypted,
    /// The same, withheld on purpose.
    Redacted,
}

impl Seals {
    const ALL: [Self; 4] = [Self::Reasoning, Self::Previous, Self::Encrypted, Self::Redacted];

    const fn word(self) -> &'static str {
        match self {
            Self::Reasoning => "signature",
            Self::Previous => "previous",
            Self::Encrypted => "encrypted",
            Self::Redacted => "redacted",
        }
    }
}

/// The `encrypted_content` for a seal of another dialect.
pub(super) fn pack(sealed: &Sealed, seals: Seals) -> String {
    format!("{MARK}{}:{}:{}", sealed.dialect, seals.word(), sealed.data)
}

/// Reads an `encrypted_content`; `None` if it is OpenAI's own.
pub(super) fn unpack(content: &str) -> Option<(Seals, Sealed)> {
    let (dialect, rest) = content.strip_prefix(MARK)?.split_once(':')?;
    let (word, data) = rest.split_once(':')?;
    let dialect: Dialect = dialect.parse().ok()?;
    let seals = Seals::ALL.into_iter().find(|seals| seals.word() == word)?;
    let data = data.to_owned();
    Some((seals, Sealed { dialect, data }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_seals_come_back_and_own_ones_stay() {
        let sealed = Sealed { dialect: Dialect::AnthropicMessages, data: "a:b==".to_owned() };
        for seals in Seals::ALL {
            assert_eq!(unpack(&pack(&sealed, seals)), Some((seals, sealed.clone())));
        }
        for own in ["gAAAAB", "lip1:", "lip1:mars:signature:x", "lip1:gemini:what:x"] {
            assert_eq!(unpack(own), None, "{own}");
        }
    }
}
