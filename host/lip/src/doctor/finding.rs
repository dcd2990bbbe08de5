//! One thing that was looked at: how it is, and what to do about it. Pure.
use crate::out;
use serde_json::{Value, json};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Ok,
    Warn,
    Fail,
}

impl Level {
    const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "FAIL",
        }
    }
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    level: Level,
    what: String,
    finding: String,
    remedy: Option<String>,
}

impl Finding {
    /// It is well.
    pub(super) fn ok(what: &str, finding: &str) -> Self {
        Self { level: Level::Ok, what: what.to_owned(), finding: finding.to_owned(), remedy: None }
    }

    /// It may matter. What stands behind its hint, else behind the first `; ` of the sentence, is the remedy.
    pub(super) fn warn(what: &str, sentence: &str) -> Self {
        Self::of(Level::Warn, what, sentence)
    }

    /// A host would not serve as it is told to. The remedy as in [`Finding::warn`].
    pub(super) fn fail(what: &str, sentence: &str) -> Self {
        Self::of(Level::Fail, what, sentence)
    }

    fn of(level: Level, what: &str, sentence: &str) -> Self {
        let hinted = sentence.split_once("\n  hint: ").or_else(|| sentence.split_once("; "));
        let (finding, remedy) = match hinted {
            Some((finding, remedy)) => (finding, Some(remedy.to_owned())),
            None => (sentence, None),
        };
        Self { level, what: what.to_owned(), finding: finding.to_owned(), remedy }
    }

    /// Does it keep the host from serving as it is told to?
    pub(super) fn fails(&self) -> bool {
        self.level == Level::Fail
    }
}

/// For people: `level  what — finding — remedy`.
pub(super) fn table(findings: &[Finding]) -> String {
    let row = |one: &Finding| {
        let told = [Some(one.what.as_str()), Some(one.finding.as_str()), one.remedy.as_deref()];
        let told: Vec<&str> = told.into_iter().flatten().collect();
        vec![one.level.word().to_owned(), told.join(" — ")]
    };
    out::table(&findings.iter().map(row).collect::<Vec<_>>()).trim_end().to_owned()
}

/// For machines.
pub(super) fn as_json(findings: &[Finding]) -> Value {
    let row = |one: &Finding| json!({"level": one.level.word().to_lowercase(), "what": one.what, "finding": one.finding, "remedy": one.remedy});
    let fails = findings.iter().any(Finding::fails);
    json!({"ok": !fails, "findings": findings.iter().map(row).collect::<Vec<_>>()})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remedy_stands_behind_the_finding() {
        let findings = [
            Finding::ok("port", "8000 is free"),
            Finding::warn("clock", "it is slow"),
            Finding::fail("key", "K is not set; set it; or else"),
        ];
        let wanted =
            "ok    port — 8000 is free\nwarn  clock — it is slow\nFAIL  key — K is not set — set it; or else";
        assert_eq!(table(&findings), wanted);
        let told = as_json(&findings);
        assert_eq!((&told["ok"], &told["findings"][2]["remedy"]), (&json!(false), &json!("set it; or else")));
        assert_eq!(
            (&told["findings"][2]["level"], &told["findings"][0]["remedy"]),
            (&json!("fail"), &Value::Null)
        );
    }
}
