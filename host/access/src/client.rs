//! One client: its name, what it may ask for, how much, and until when.
use crate::bounds::Limits;

/// What a client may ask for: patterns of `backend:model`, in which `*` stands for any text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants(Vec<String>);

impl Grants {
    /// These patterns; none of them: everything. One without a colon names a backend, and means all of its models.
    pub fn new(patterns: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let whole =
            |pattern: String| if pattern.contains(':') || pattern == "*" { pattern } else { pattern + ":*" };
        Self(patterns.into_iter().map(|pattern| whole(pattern.into())).collect())
    }

    /// Is everything allowed?
    pub const fn are_all(&self) -> bool {
        self.0.is_empty()
    }

    /// May `model` of `backend` be asked for?
    pub fn allow(&self, backend: &str, model: &str) -> bool {
        if self.are_all() {
            return true;
        }
        let asked = format!("{backend}:{model}");
        self.0.iter().any(|pattern| matches(pattern.as_bytes(), asked.as_bytes()))
    }
}

/// What a client with a bound of money may do with models whose price nobody knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unpriced {
    /// It may not ask for them.
    #[default]
    Refused,
    /// It may, and they count nothing.
    Free,
}

/// Whose turns a client may look at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sight {
    /// Its own.
    #[default]
    Own,
    /// All, and the host itself: an operator's.
    All,
}

/// A client of the host, known by its key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Client {
    /// Its name for records, logs and operators. Empty: whoever reaches an open host. No secret.
    pub name: String,
    /// What it may ask for.
    pub grants: Grants,
    /// The Unix second at which its key stops being one.
    pub ends_at_s: Option<u64>,
    /// How much it may use.
    pub limits: Limits,
    /// What a bound of money makes of models without a price.
    pub unpriced: Unpriced,
    /// Whose turns it may look at.
    pub sight: Sight,
}

impl Client {
    /// May it ask for models of known price only?
    pub fn needs_prices(&self) -> bool {
        self.limits.are_of_money() && self.unpriced == Unpriced::Refused
    }
}

/// Does `pattern`, in which `*` stands for any text, fit all of `text`? Takes at most the product of both lengths.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut seen) = (0, 0);
    // Where the newest star stands, and how much of the text it covers.
    let mut star: Option<(usize, usize)> = None;
    while seen < text.len() {
        match (pattern.get(at), text.get(seen)) {
            (Some(b'*'), _) => {
                star = Some((at, seen));
                at += 1;
            }
            (Some(wanted), Some(found)) if wanted == found => {
                at += 1;
                seen += 1;
            }
            _ => {
                let Some((place, covered)) = star else { return false };
                star = Some((place, covered + 1));
                at = place + 1;
                seen = covered + 1;
            }
        }
    }
    pattern.get(at..).unwrap_or_default().iter().all(|rest| *rest == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_whole_names() {
        for (pattern, backend, model, fits) in [
            ("openai", "openai", "gpt-5", true),
            ("openai", "openai.work", "gpt-5", false),
            ("openai*", "openai.work", "gpt-5", true),
            ("openai:gpt-5", "openai", "gpt-5", true),
            ("openai:gpt-5", "openai", "gpt-5-mini", false),
            ("openai:gpt-5*", "openai", "gpt-5-mini", true),
            ("*:gpt-5", "openrouter", "gpt-5", true),
            ("*", "anything", "at:all", true),
            ("ollama:*:8b", "ollama", "qwen3:8b", true),
            ("ollama:*:8b", "ollama", "qwen3:4b", false),
            ("a:*b*c", "a", "xbxbc", true),
            ("a:*b*c", "a", "xbxbcx", false),
            ("", "a", "", false),
            ("OPENAI", "openai", "m", false),
        ] {
            assert_eq!(Grants::new([pattern]).allow(backend, model), fits, "{pattern} {backend}:{model}");
        }
        assert!(Grants::default().allow("a", "b"));
        assert!(Grants::new(["x", "a:b"]).allow("a", "b"));
    }

    #[test]
    fn many_stars_end_soon() {
        let pattern = "*a".repeat(200) + "b";
        assert!(!Grants::new([pattern]).allow("x", &"a".repeat(20_000)));
    }
}
