//! What a check works on: one connector of a manifest, with requests and answers of its dialects.
use super::samples::{AGENT_MODELS, MODELS, Recorded, Sample, WIRES, Wire};
use crate::cassette::Cassette;
use crate::host::Source;
use crate::{Outcome, Reply, Stage, manifest};
use lip_abi::{AbiError, Buf, ConnectorBox, HostFns_Ref};
use lip_plugin::glue::Entry;
use lip_plugin::{Connector, Value};
use std::collections::BTreeMap;
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

/// What the checks work on: the connectors of a type or of a loaded library.
#[derive(Debug, Clone)]
pub struct Kit {
    source: Source,
    manifests: Vec<Value>,
    sample: Sample,
    recorded: BTreeMap<String, Recorded>,
}

impl Kit {
    /// The connectors of `C`, built into this program.
    pub fn of<C: Connector>(sample: Sample) -> Self {
        let (source, manifests) = (Source::Built(Entry::of::<C>()), manifest::all(C::MANIFEST));
        Self { source, manifests, sample, recorded: BTreeMap::new() }
    }

    /// The connectors of a library that was loaded: its manifest as it stands in it, and what makes an instance from the
    /// host's functions, the connector's id, the instance's name and its config.
    pub fn loaded(
        manifest: &str,
        make: impl Fn(HostFns_Ref, &str, &str, Buf) -> Result<ConnectorBox, AbiError> + Send + Sync + 'static,
    ) -> Self {
        let whole: Value = serde_json::from_str(manifest).unwrap_or_default();
        let manifests = whole.get("connectors").and_then(Value::as_array).cloned().unwrap_or_default();
        let source = Source::Loaded(Arc::new(make));
        Self { source, manifests, sample: Sample::default(), recorded: BTreeMap::new() }
    }

    /// Takes good answers from recorded exchanges, for upstreams that speak no dialect of LIP.
    #[must_use]
    pub fn knowing<'a>(mut self, cassettes: impl IntoIterator<Item = &'a Cassette>) -> Self {
        for cassette in cassettes {
            self.recorded.entry(cassette.connector.clone()).or_insert_with(|| cassette.good());
        }
        self
    }

    /// A stage for one of its connectors; none when there is no such connector.
    pub fn stage(&self, connector: &str) -> Option<Stage> {
        let found = self.manifests.iter().find(|m| manifest::id(m) == connector);
        found.map(|manifest| Stage::new(self.source.clone(), manifest))
    }

    pub(crate) fn manifests(&self) -> &[Value] {
        &self.manifests
    }

    /// Every connector in every dialect of which the testkit has samples.
    pub(crate) fn subjects(&self) -> Vec<Subject> {
        let mut subjects = Vec::new();
        for manifest in &self.manifests {
            let dialects = manifest::dialects(manifest, &self.config(manifest::id(manifest)));
            for wire in WIRES.iter().filter(|wire| dialects.iter().any(|own| own == wire.dialect)) {
                subjects.push(self.subject(manifest, wire));
            }
        }
        subjects
    }

    /// The config that instances of a connector need; null for none.
    fn config(&self, id: &str) -> Value {
        let own = self.sample.config.and_then(|text| serde_json::from_str(text).ok());
        let recorded = self.recorded.get(id).and_then(|recorded| recorded.config.clone());
        recorded.or(own).unwrap_or(Value::Null)
    }

    fn subject(&self, manifest: &Value, wire: &'static Wire) -> Subject {
        let id = manifest::id(manifest).to_owned();
        let config = self.config(&id);
        let (sample, recorded) = (&self.sample, self.recorded.get(&id).cloned().unwrap_or_default());
        let is_agent = manifest.get("auth").and_then(Value::as_str) == Some("local-agent");
        let usual_models = if is_agent { AGENT_MODELS } else { MODELS };
        let own = recorded.answer.map(Buf::from).or_else(|| sample.answer.map(Buf::from_static));
        Subject {
            id,
            dialect: wire.dialect,
            manifest: manifest.clone(),
            request: wire.request,
            speaks_dialect: own.is_none(),
            answer: own.unwrap_or_else(|| wire.answer.into()),
            models: recorded.models.unwrap_or_else(|| sample.models.unwrap_or(usual_models).to_owned()),
            wire,
            model: recorded.model.unwrap_or_else(|| sample.model.unwrap_or("model-a").to_owned()),
            fields: match recorded.fields {
                Value::Object(fields) => Value::Object(fields).to_string(),
                _ => sample.fields.unwrap_or("{}").to_owned(),
            },
            command: recorded.command.or_else(|| sample.command.map(str::to_owned)),
            config,
            source: self.source.clone(),
        }
    }

    /// Those that ask an upstream of their own.
    pub(crate) fn asking(&self) -> Vec<Subject> {
        let mut all = self.subjects();
        all.retain(|subject| !subject.is_virtual() && !subject.turn(subject.good()).requests.is_empty());
        all
    }
}

/// Checks that say something about every library.
pub(crate) const fn every(_: &Kit) -> Option<&'static str> {
    None
}

/// Checks of those that ask an upstream of their own.
pub(crate) fn no_upstream(kit: &Kit) -> Option<&'static str> {
    let subjects = kit.subjects();
    if !subjects.is_empty() && subjects.iter().all(Subject::is_virtual) {
        return Some("it is a virtual backend: what the upstream does is other backends' business");
    }
    no_requests(kit)
}

/// Checks of those that send HTTP requests.
pub(crate) fn no_http(kit: &Kit) -> Option<&'static str> {
    let subjects = kit.subjects();
    if !subjects.is_empty() && subjects.iter().all(Subject::is_agent) {
        return Some("it starts a program and has no base URL");
    }
    no_upstream(kit)
}

/// Checks of those that send requests.
pub(crate) fn no_requests(kit: &Kit) -> Option<&'static str> {
    let asks = |subject: &Subject| !subject.turn(subject.good()).requests.is_empty();
    (!kit.subjects().iter().any(asks)).then_some("it asks no upstream")
}

/// One connector in one of its dialects.
pub(crate) struct Subject {
    pub(crate) id: String,
    pub(crate) dialect: &'static str,
    pub(crate) manifest: Value,
    pub(crate) request: &'static str,
    /// Is the upstream's good answer that of the dialect?
    pub(crate) speaks_dialect: bool,
    pub(crate) answer: Buf,
    pub(crate) models: String,
    pub(crate) wire: &'static Wire,
    model: String,
    fields: String,
    command: Option<String>,
    config: Value,
    source: Source,
}

impl Subject {
    pub(crate) fn stage(&self) -> Stage {
        if self.config.is_null() { self.unconfigured() } else { self.unconfigured().config(&self.config) }
    }

    /// A stage whose instance has no config, whatever it needs.
    pub(crate) fn unconfigured(&self) -> Stage {
        let stage = Stage::new(self.source.clone(), &self.manifest).dialect(self.dialect).model(&self.model);
        let command = self.command.clone().map(|output| Reply::text(200, output));
        stage.usual_fields(&self.fields).command_output(command)
    }

    /// A stage whose instance has this config besides the one that it needs.
    pub(crate) fn configured(&self, config: &Value) -> Stage {
        match (self.config.clone(), config) {
            (Value::Object(mut own), Value::Object(more)) => {
                own.extend(more.clone());
                self.stage().config(&Value::Object(own))
            }
            _ => self.stage().config(config),
        }
    }

    /// A stage whose upstream answers as it should, as often as it is asked.
    pub(crate) fn fair(&self) -> Stage {
        self.stage().always(self.good()).always_streamed(self.stream(3)).turn(self.request)
    }

    /// The same for a client that wants a stream: `n` pieces.
    pub(crate) fn fair_stream(&self, n: usize) -> Stage {
        let stage = self.stage().stream().always(self.stream(n)).always_streamed(self.stream(n));
        stage.turn(self.request)
    }

    /// A turn, not streamed, to which the upstream answers with `reply`.
    pub(crate) fn turn(&self, reply: Reply) -> Outcome {
        self.stage().always(reply).turn(self.request).run()
    }

    /// The upstream's good answer.
    pub(crate) fn good(&self) -> Reply {
        Reply::chunks(200, "application/json", [self.answer.clone()])
    }

    /// A list of models as the upstream gives it.
    pub(crate) fn list(&self) -> Reply {
        Reply::chunks(200, "application/json", [self.models.clone()])
    }

    /// A good answer, streamed: `n` pieces of its dialect; the plain answer where the upstream speaks another language.
    pub(crate) fn stream(&self, n: usize) -> Reply {
        if !self.speaks_dialect {
            return self.good();
        }
        let pieces = std::iter::repeat_n(self.wire.piece, n).chain(self.wire.end);
        Reply::chunks(200, self.wire.stream_type, pieces)
    }

    /// Where its requests may go.
    pub(crate) fn allowed(&self) -> impl Iterator<Item = String> {
        let configured = self.config.get("base_url").and_then(Value::as_str).and_then(manifest::authority);
        manifest::allowed(&self.manifest).into_iter().chain(configured.map(str::to_owned))
    }

    pub(crate) fn is_agent(&self) -> bool {
        self.manifest.get("auth").and_then(Value::as_str) == Some("local-agent")
    }

    pub(crate) fn is_virtual(&self) -> bool {
        self.manifest.get("auth").and_then(Value::as_str) == Some("virtual")
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
