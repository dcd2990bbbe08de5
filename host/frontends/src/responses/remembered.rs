//! What is kept of one answer, so that a later request can continue it or ask for it again.
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Counts the bytes of all texts that were made with it and still live.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meter(Arc<AtomicUsize>);

impl Meter {
    /// Bytes that live now.
    pub(crate) fn bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// A piece of raw JSON, counted while it lives.
#[derive(Debug)]
pub(crate) struct Text {
    json: Box<str>,
    meter: Meter,
}

impl Text {
    pub(crate) fn new(json: impl Into<Box<str>>, meter: &Meter) -> Arc<Self> {
        let json = json.into();
        meter.0.fetch_add(json.len(), Ordering::Relaxed);
        Arc::new(Self { json, meter: meter.clone() })
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.json
    }
}

impl Drop for Text {
    fn drop(&mut self) {
        self.meter.0.fetch_sub(self.json.len(), Ordering::Relaxed);
    }
}

/// One answer and the conversation that led to it. Conversations share what they have in common.
#[derive(Debug)]
pub(crate) struct Remembered {
    /// Its id, as the client knows it.
    pub(crate) id: String,
    /// Everything that went into it: raw JSON items, joined by commas; never empty texts.
    pub(crate) input: Vec<Arc<Text>>,
    /// The items of the answer that a continuation repeats, joined by commas.
    pub(crate) output: Arc<Text>,
    /// `instructions` as raw JSON.
    pub(crate) instructions: Option<Arc<Text>>,
    /// The response object as the client got it; `None` where the client asked that it be not stored.
    pub(crate) response: Option<Arc<Text>>,
    /// The backend that has stored it, too.
    pub(crate) upstream: Option<String>,
    /// How many texts of `input` were there before this answer's own request.
    pub(crate) n_earlier: usize,
    /// The answer that it continues, where other hosts know that one.
    pub(crate) before: Option<String>,
    /// Do other hosts know it?
    pub(crate) is_shared: AtomicBool,
}

impl Remembered {
    /// The items that its own request added.
    pub(crate) fn own_input(&self) -> impl Iterator<Item = &Arc<Text>> {
        self.input.iter().skip(self.n_earlier)
    }

    /// The conversation up to and including this answer.
    pub(crate) fn history(&self) -> impl Iterator<Item = &Arc<Text>> {
        self.input.iter().chain(std::iter::once(&self.output)).filter(|text| !text.as_str().is_empty())
    }

    /// Bytes of all texts, shared or not.
    pub(crate) fn bytes(&self) -> usize {
        let rest = self.response.iter().chain(&self.instructions);
        self.history().chain(rest).map(|text| text.as_str().len()).sum()
    }
}

#[cfg(test)]
impl Remembered {
    /// An answer `output` to `input`, both raw items.
    pub(crate) fn of(id: &str, input: &str, output: &str, meter: &Meter) -> Self {
        Self {
            id: id.to_owned(),
            input: vec![Text::new(input, meter)],
            output: Text::new(output, meter),
            instructions: None,
            response: Some(Text::new(format!(r#"{{"id":"{id}"}}"#), meter)),
            upstream: None,
            n_earlier: 0,
            before: None,
            is_shared: AtomicBool::new(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_count_once_while_anyone_holds_them() {
        let meter = Meter::default();
        let first = Remembered::of("a", "12345", "123", &meter);
        assert_eq!(meter.bytes(), 5 + 3 + first.response.as_ref().map_or(0, |r| r.as_str().len()));
        let later: Vec<_> = first.history().cloned().collect();
        drop(first);
        assert_eq!(meter.bytes(), 8);
        drop(later);
        assert_eq!(meter.bytes(), 0);
    }
}
