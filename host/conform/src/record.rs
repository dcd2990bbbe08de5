//! The last recorded scores, below which a run fails.
use crate::report::Report;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Percent by name: `total`, `pass-through`, `SOURCE > TARGET`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Record(BTreeMap<String, f64>);

impl Record {
    /// The scores of a run, cut to hundredths.
    pub fn of(report: &Report) -> Self {
        let cut = |percent: f64| (percent * 100.0).floor() / 100.0;
        Self(report.scores().into_iter().map(|(name, tally)| (name, cut(tally.percent()))).collect())
    }

    /// Reads a record.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|e| e.to_string())
    }

    /// The record as it is kept.
    pub fn text(&self) -> String {
        serde_json::to_string_pretty(&self.0).map(|text| text + "\n").unwrap_or_default()
    }

    /// The scores that are worse than recorded, in words.
    pub fn worse(&self, now: &Self) -> Vec<String> {
        let worse = |(name, before): (&String, &f64)| {
            let now = now.0.get(name).copied().unwrap_or(0.0);
            (now < *before).then(|| format!("{name}: {now:.2}, recorded {before:.2}"))
        };
        self.0.iter().filter_map(worse).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn falling_below_the_record_is_told() {
        let record = |text: &str| Record::parse(text).unwrap();
        let before = record(r#"{"a > b": 99.5, "total": 98.0}"#);
        assert!(before.worse(&before).is_empty());
        assert_eq!(
            before.worse(&record(r#"{"a > b": 99.49, "total": 99.0}"#)),
            ["a > b: 99.49, recorded 99.50"]
        );
        assert_eq!(before.worse(&record("{}")).len(), 2);
        assert_eq!(record(&before.text()), before);
    }
}
