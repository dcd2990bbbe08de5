//! A host with four configured backends of different vendors, each in front of its own simulated provider; and a client that
//! keeps its history as agents do.
use crate::talk::{Tongue, says};
use serde_json::Value;
use stage::{Answer, Call, Lip, LipBuilder, Recorded, Upstream};

/// Names of the backends.
pub(crate) const BACKENDS: [&str; 4] = ["openai", "anthropic", "gemini", "openrouter"];

/// The host and its providers.
pub(crate) struct Team {
    pub(crate) lip: Lip,
    providers: Vec<(&'static str, Upstream)>,
}

/// The table of one backend in front of a provider.
pub(crate) fn backend(name: &str, url: &str) -> String {
    let (kind, _) = name.split_once('.').unwrap_or((name, ""));
    // Gemini's base has no version in it.
    let url = if kind == "gemini" { url.trim_end_matches("/v1") } else { url };
    format!("[backends.\"{name}\"]\ntype = \"{kind}\"\napi_url = \"{url}\"\napi_key = \"sk-{name}\"\n")
}

impl Team {
    /// Every provider says its own name.
    pub(crate) async fn new() -> Self {
        Self::with("", |builder| builder).await
    }

    /// With more lines at the top of the config, and a builder that is changed.
    pub(crate) async fn with(top: &str, change: impl FnOnce(LipBuilder) -> LipBuilder) -> Self {
        let mut providers = Vec::new();
        for name in BACKENDS {
            providers
                .push((name, Upstream::by(move |request| says(request, &format!("{name} speaks"))).await));
        }
        Self::of(top, providers, change).await
    }

    /// With these providers.
    pub(crate) async fn of(
        top: &str,
        providers: Vec<(&'static str, Upstream)>,
        change: impl FnOnce(LipBuilder) -> LipBuilder,
    ) -> Self {
        let mut config = format!("default_backend = \"{}\"\n{top}\n", providers[0].0);
        providers.iter().for_each(|(name, provider)| config.push_str(&backend(name, &provider.url())));
        let lip = change(Lip::builder().config_toml(&config).replayed()).start().await;
        Self { lip, providers }
    }

    pub(crate) fn provider(&self, name: &str) -> &Upstream {
        &self.providers.iter().find(|(own, _)| *own == name).expect("a provider").1
    }

    /// Turns that a provider got; model lists do not count.
    pub(crate) fn turns(&self, name: &str) -> Vec<Recorded> {
        self.provider(name).requests().into_iter().filter(|request| request.method == "POST").collect()
    }

    /// How many turns each provider got, in the order of [`BACKENDS`].
    pub(crate) fn counts(&self) -> Vec<usize> {
        self.providers.iter().map(|(name, _)| self.turns(name).len()).collect()
    }
}

/// A client that repeats its whole history with every turn.
pub(crate) struct Chat<'a> {
    lip: &'a Lip,
    pub(crate) tongue: Tongue,
    stream: bool,
    pub(crate) model: String,
    pub(crate) history: Vec<Value>,
    headers: Vec<(String, String)>,
}

impl<'a> Chat<'a> {
    pub(crate) fn new(lip: &'a Lip, tongue: Tongue, stream: bool) -> Self {
        Self { lip, tongue, stream, model: "gpt-5".to_owned(), history: Vec::new(), headers: Vec::new() }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    fn call(&self) -> Call {
        let call = self.tongue.call(&self.model, self.stream, &self.history);
        self.headers.iter().fold(call, |call, (name, value)| call.header(name, value))
    }

    /// One turn with these words; the answer becomes part of the history.
    pub(crate) async fn say(&mut self, words: &str) -> String {
        self.send(self.tongue.message("user", words)).await
    }

    /// One turn with this message.
    pub(crate) async fn send(&mut self, message: Value) -> String {
        self.history.push(message);
        let answer = self.lip.send(self.call()).await;
        let text = self.tongue.text(self.stream, &answer);
        self.history.push(self.tongue.message("assistant", &text));
        text
    }

    /// One turn whose answer is not looked at and leaves no trace in the history.
    pub(crate) async fn attempt_raw(&self, words: &str) -> Answer {
        let mut history = self.history.clone();
        history.push(self.tongue.message("user", words));
        let call = self.tongue.call(&self.model, self.stream, &history);
        self.lip.send(self.headers.iter().fold(call, |call, (name, value)| call.header(name, value))).await
    }

    /// One turn that may fail; a failure leaves no trace in the history.
    pub(crate) async fn attempt(&mut self, words: &str) -> Answer {
        self.history.push(self.tongue.message("user", words));
        let answer = self.lip.send(self.call()).await;
        if answer.status == 200 {
            let text = self.tongue.text(self.stream, &answer);
            self.history.push(self.tongue.message("assistant", &text));
        } else {
            self.history.pop();
        }
        answer
    }
}
