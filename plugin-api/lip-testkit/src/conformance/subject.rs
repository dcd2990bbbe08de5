//! What a check works on: one connector of a manifest, with requests and answers of its dialects.
use crate::host::Source;
use crate::{Outcome, Reply, Stage, manifest};
use lip_abi::{AbiError, Buf, ConnectorBox, HostFns_Ref};
use lip_plugin::glue::Entry;
use lip_plugin::{Connector, Value};
use std::fmt;
use std::sync::Arc;

/// A failed check: what is wrong and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub hint: &'static str,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\nhint: {}", self.what, self.hint)
    }
}

/// What a check comes to.
pub type Verdict = Result<(), Wrong>;

pub(crate) fn ensure(holds: bool, what: impl FnOnce() -> String, hint: &'static str) -> Verdict {
    if holds { Ok(()) } else { Err(Wrong { what: what(), hint }) }
}

/// Good answers of the upstream, where they are not those of a dialect.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sample {
    answer: Option<&'static [u8]>,
    models: Option<&'static str>,
    model: Option<&'static str>,
    fields: Option<&'static str>,
}

impl Sample {
    /// The body of a good answer to a turn, and of a model list with at least one model.
    pub const fn new(answer: &'static str, models: &'static str) -> Self {
        Self { answer: Some(answer.as_bytes()), models: Some(models), model: None, fields: None }
    }

    /// The same, for an upstream that does not answer in text.
    pub const fn binary(answer: &'static [u8], models: &'static str) -> Self {
        Self { answer: Some(answer), models: Some(models), model: None, fields: None }
    }

    /// Turns ask for this model, where not every name will do.
    #[must_use]
    pub const fn asking_for(mut self, model: &'static str) -> Self {
        self.model = Some(model);
        self
    }

    /// Turns use an account with which these fields are kept: a JSON object.
    #[must_use]
    pub const fn keeping(mut self, fields: &'static str) -> Self {
        self.fields = Some(fields);
        self
    }

    pub(crate) fn models(&self) -> &'static str {
        self.models.unwrap_or(MODELS)
    }
}

/// A list that any of the dialects' model routes could give.
const MODELS: &str = r#"{"object":"list","data":[{"id":"model-a","object":"model","created":1700000000,"owned_by":"acme","type":"model"}],
"models":[{"name":"models/model-a","model":"model-a","supportedGenerationMethods":["generateContent"]}],"has_more":false}"#;

/// What the checks work on: the connectors of a type or of a loaded library.
#[derive(Debug, Clone)]
pub struct Kit {
    source: Source,
    manifests: Vec<Value>,
    sample: Sample,
}

impl Kit {
    /// The connectors of `C`, built into this program.
    pub fn of<C: Connector>(sample: Sample) -> Self {
        Self { source: Source::Built(Entry::of::<C>()), manifests: manifest::all(C::MANIFEST), sample }
    }

    /// The connectors of a library that was loaded: its manifest as it stands in it, and what makes an instance from the
    /// host's functions, the connector's id, the instance's name and its config.
    pub fn loaded(
        manifest: &str,
        make: impl Fn(HostFns_Ref, &str, &str, Buf) -> Result<ConnectorBox, AbiError> + Send + Sync + 'static,
    ) -> Self {
        let whole: Value = serde_json::from_str(manifest).unwrap_or_default();
        let manifests = whole.get("connectors").and_then(Value::as_array).cloned().unwrap_or_default();
        Self { source: Source::Loaded(Arc::new(make)), manifests, sample: Sample::default() }
    }

    /// A stage for one of its connectors; none when there is no such connector.
    pub fn stage(&self, connector: &str) -> Option<Stage> {
        let found = self.manifests.iter().find(|m| manifest::id(m) == connector);
        found.map(|manifest| Stage::new(self.source.clone(), manifest))
    }

    pub(crate) fn manifests(&self) -> &[Value] {
        &self.manifests
    }

    pub(crate) fn sample(&self) -> &Sample {
        &self.sample
    }

    /// Every connector in every dialect of which the testkit has samples.
    pub(crate) fn subjects(&self) -> Vec<Subject> {
        let one = |manifest: &Value,
                   (dialect, request, answer): (&'static str, &'static str, &'static str)| {
            Subject {
                id: manifest::id(manifest).to_owned(),
                dialect,
                manifest: manifest.clone(),
                request,
                answer: self.sample.answer.unwrap_or(answer.as_bytes()),
                model: self.sample.model.unwrap_or("model-a"),
                fields: self.sample.fields.unwrap_or("{}"),
                source: self.source.clone(),
            }
        };
        let of_one = |manifest: &Value| {
            let dialects = manifest::strings(manifest, "dialects");
            let known = SAMPLES.into_iter().filter(move |(id, ..)| dialects.iter().any(|d| d == id));
            known.map(|sample| one(manifest, sample)).collect::<Vec<_>>()
        };
        self.manifests.iter().flat_map(of_one).collect()
    }
}

/// Dialect, request, answer.
const SAMPLES: [(&str, &str, &str); 6] = [
    (
        "openai-chat",
        r#"{"model":"model-a","messages":[{"role":"user","content":"hello"}]}"#,
        r#"{"id":"c1","object":"chat.completion","created":1,"model":"model-a","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]}"#,
    ),
    (
        "openai-responses",
        r#"{"model":"model-a","input":"hello"}"#,
        r#"{"id":"resp_1","object":"response","created_at":1,"status":"completed","model":"model-a","output":[{"id":"msg_1","type":"message","role":"assistant","status":"completed","content":[{"type":"output_text","text":"hi","annotations":[]}]}]}"#,
    ),
    (
        "anthropic-messages",
        r#"{"model":"model-a","max_tokens":64,"messages":[{"role":"user","content":"hello"}]}"#,
        r#"{"id":"msg_1","type":"message","role":"assistant","model":"model-a","content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":1}}"#,
    ),
    (
        "gemini",
        r#"{"contents":[{"role":"user","parts":[{"text":"hello"}]}]}"#,
        r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"hi"}]},"finishReason":"STOP","index":0}]}"#,
    ),
    (
        "ollama",
        r#"{"model":"model-a","messages":[{"role":"user","content":"hello"}]}"#,
        r#"{"model":"model-a","created_at":"2025-01-01T00:00:00Z","message":{"role":"assistant","content":"hi"},"done":true,"done_reason":"stop"}"#,
    ),
    (
        "lip",
        r#"{"model":"model-a","turns":[{"role":"user","parts":[{"content":{"text":{"text":"hello"}}}]}]}"#,
        r#"{"model":"model-a","choices":[{"parts":[{"content":{"text":{"text":"hi"}}}],"stop":{"reason":"end"}}]}"#,
    ),
];

/// One connector in one of its dialects.
pub(crate) struct Subject {
    pub(crate) id: String,
    pub(crate) dialect: &'static str,
    pub(crate) manifest: Value,
    pub(crate) request: &'static str,
    pub(crate) answer: &'static [u8],
    model: &'static str,
    fields: &'static str,
    source: Source,
}

impl Subject {
    pub(crate) fn stage(&self) -> Stage {
        let stage = Stage::new(self.source.clone(), &self.manifest).dialect(self.dialect).model(self.model);
        stage.usual_fields(self.fields)
    }

    /// A turn, not streamed, to which the upstream answers with `reply`.
    pub(crate) fn turn(&self, reply: Reply) -> Outcome {
        self.stage().reply(reply).turn(self.request).run()
    }

    /// The upstream's good answer.
    pub(crate) fn good(&self) -> Reply {
        Reply::chunks(200, "application/json", [Buf::from_static(self.answer)])
    }

    /// "acme (openai-chat): …", for sentences.
    pub(crate) fn says(&self, what: impl fmt::Display) -> String {
        format!("{} ({}): {what}", self.id, self.dialect)
    }

    /// Neither a panic nor a breach of the contract.
    pub(crate) fn sane(&self, seen: &Outcome, when: &str) -> Verdict {
        let told = |what: &str| self.says(format!("{what}, {when}"));
        let panic = || told(&format!("panic: {}", seen.error.as_ref().map_or("", |e| &e.message)));
        ensure(seen.code() != "panic", panic, "every input is hostile: return an Error instead")?;
        let breach = || told(&seen.breaches.join("; "));
        ensure(seen.breaches.is_empty(), breach, "see what the host promises in the docs of lip-plugin")?;
        let silent = seen.error.as_ref().is_some_and(|e| e.code.is_empty() || e.message.is_empty());
        ensure(!silent, || told("an error without code or sentence"), "Error::new takes both")?;
        let nothing = seen.error.is_none() && seen.status == 0 && !seen.cancelled;
        ensure(
            !nothing,
            || told("the task ended without an answer"),
            "splice, send, answer, or return an error",
        )
    }
}
