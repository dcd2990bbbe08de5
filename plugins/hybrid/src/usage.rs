//! What the phases cost, as their upstreams say, or about.
use lip_plugin::serde_json::Map;
use lip_plugin::{Value, json};

/// Counts of one phase: the canonical usage, later reports merged over earlier ones.
#[derive(Debug, Default, Clone)]
pub(crate) struct Counts(Map<String, Value>);

impl Counts {
    /// Takes a report of the upstream.
    pub(crate) fn merge(&mut self, report: Option<&Value>) {
        let fields = report.and_then(Value::as_object).into_iter().flatten();
        self.0.extend(
            fields.filter(|(_, count)| !count.is_null()).map(|(name, count)| (name.clone(), count.clone())),
        );
    }

    fn count(&self, name: &str) -> Option<u64> {
        self.0.get(name).and_then(Value::as_u64)
    }

    /// The counts of `model` in words that every dialect knows.
    pub(crate) fn told(&self, model: &str) -> Value {
        let mut told = json!({"model": model});
        for (word, name) in
            [("input_tokens", "input"), ("output_tokens", "output"), ("cached_tokens", "cache_read")]
        {
            if let Some(count) = self.count(name) {
                told[word] = json!(count);
            }
        }
        told
    }

    /// As [`Counts::told`], for an upstream that was stopped and could not report: what was read of it counts.
    pub(crate) fn told_about(&self, model: &str, tokens: u64) -> Value {
        let mut told = self.told(model);
        told["output_tokens"] = json!(self.count("output").unwrap_or_default().max(tokens));
        told["estimated"] = json!(true);
        told
    }

    /// The usage of the answer: these counts, and beside them what each phase cost.
    pub(crate) fn with_phases(&self, phases: &Value, dialect: &str) -> Value {
        let mut usage = self.0.clone();
        let extensions = usage.entry("extensions").or_insert_with(|| json!({}));
        let ids = [dialect, "lip"];
        for id in ids.into_iter().filter(|id| !id.is_empty()) {
            if let Some(fields) = extensions.as_object_mut() {
                let fields = fields.entry(id).or_insert_with(|| json!({}));
                if let Some(fields) = fields.as_object_mut() {
                    fields.insert("hybrid".to_owned(), phases.clone());
                }
            }
        }
        Value::Object(usage)
    }

    /// The counts alone.
    pub(crate) fn into_value(self) -> Value {
        Value::Object(self.0)
    }

    /// Was anything reported?
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
