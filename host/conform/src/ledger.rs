//! The column of what a target can express: yes, with the vendor's document for the feature, unless a row says no and names its document.
use crate::dialect::Dialect;
use serde::Deserialize;
use std::collections::BTreeMap;

/// The column, as committed.
#[derive(Debug)]
pub(crate) struct Ledger {
    documents: BTreeMap<String, BTreeMap<Dialect, String>>,
    losses: Vec<Row>,
}

/// What a pair loses in a case, because the target has no words for it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Row {
    pub(crate) case: String,
    /// `SOURCE > TARGET`, either side may be `*`.
    pub(crate) pairs: Vec<String>,
    pub(crate) what: String,
    pub(crate) why: String,
    pub(crate) document: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LedgerFile {
    documents: BTreeMap<String, BTreeMap<Dialect, String>>,
    #[serde(default)]
    loss: Vec<Row>,
}

impl Ledger {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let file: LedgerFile = toml::from_str(text).map_err(|e| e.to_string())?;
        for (row, pair) in file.loss.iter().flat_map(|row| row.pairs.iter().map(move |pair| (row, pair))) {
            if sides(pair).is_none() {
                return Err(format!("{}: {pair} is no pair `SOURCE > TARGET`", row.case));
            }
        }
        Ok(Self { documents: file.documents, losses: file.loss })
    }

    /// The cases that lose something.
    pub(crate) fn cases(&self) -> impl Iterator<Item = &String> {
        self.losses.iter().map(|row| &row.case)
    }

    /// Whether every dialect has a document for the feature.
    pub(crate) fn has_documents(&self, feature: &str) -> bool {
        let all =
            |list: &BTreeMap<Dialect, String>| Dialect::ALL.iter().all(|dialect| list.contains_key(dialect));
        self.documents.get(feature).is_some_and(all)
    }

    /// What is lost in a cell.
    pub(crate) fn losses(&self, case: &str, source: Dialect, target: Dialect) -> impl Iterator<Item = &Row> {
        let meets = move |pair: &String| {
            sides(pair).is_some_and(|(from, to)| {
                from.is_none_or(|from| from == source) && to.is_none_or(|to| to == target)
            })
        };
        self.losses.iter().filter(move |row| row.case == case && row.pairs.iter().any(meets))
    }
}

/// The two sides of `SOURCE > TARGET`; `*` is any.
fn sides(pair: &str) -> Option<(Option<Dialect>, Option<Dialect>)> {
    let (from, to) = pair.split_once(" > ")?;
    let side = |name: &str| if name == "*" { Some(None) } else { Dialect::named(name).map(Some) };
    Some((side(from)?, side(to)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_meet_their_pairs() {
        let text = "[documents.a]\nopenai-chat='u'\nopenai-responses='u'\nanthropic-messages='u'\ngemini='u'\n[documents.b]\ngemini='u'\n\
            [[loss]]\ncase='a/x'\npairs=['* > gemini','gemini > openai-chat']\nwhat='w'\nwhy='y'\ndocument='d'\n";
        let ledger = Ledger::parse(text).unwrap();
        let n = |source, target| ledger.losses("a/x", source, target).count();
        assert_eq!(n(Dialect::Chat, Dialect::Gemini), 1);
        assert_eq!(n(Dialect::Gemini, Dialect::Chat), 1);
        assert_eq!(n(Dialect::Anthropic, Dialect::Chat), 0);
        assert_eq!(ledger.losses("a/y", Dialect::Chat, Dialect::Gemini).count(), 0);
        assert!(ledger.has_documents("a") && !ledger.has_documents("b"));
        let error = Ledger::parse(&text.replace("* >", "mars >")).unwrap_err();
        assert!(error.contains("mars"), "{error}");
    }
}
