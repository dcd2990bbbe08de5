//! A host with a key, in front of one provider that speaks for all; and requests as bytes, for no client may mend them on the way.
use stage::{Answer, CANARY, Lip, LipBuilder, Recorded, Reply, Upstream, within};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The client's key; any secret of these stories begins with the mark that is looked for everywhere.
pub(super) const KEY: &str = "canary-client-0123456789abcdef";
/// The key of all backends.
pub(super) const UPSTREAM_KEY: &str = "canary-upstream-0123456789abcdef";
pub(super) const BACKENDS: [&str; 4] = ["openai", "openai-responses", "anthropic", "gemini"];

/// How a dialect writes errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    OpenAi,
    Anthropic,
    Gemini,
    /// The path serves several.
    Any,
}

impl Shape {
    /// The error of a dialect, with nothing secret in the answer and nothing that lets a page read it.
    pub(super) fn check(self, answer: &Answer, what: &str) {
        let text = answer.text();
        let told = format!("{what}: {} {:?} {text}", answer.status, answer.headers);
        assert!(!told.split_once(": ").is_some_and(|(_, told)| told.contains(CANARY)), "{told}");
        assert!(
            !answer.headers.iter().any(|(name, _)| name.to_lowercase().starts_with("access-control-")),
            "{told}"
        );
        assert!(answer.header("location").is_none(), "{told}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{told}");
        let body: serde_json::Value =
            serde_json::from_slice(&answer.body).unwrap_or_else(|e| panic!("{e}: {told}"));
        let error = &body["error"];
        assert!(error["message"].is_string(), "{told}");
        match self {
            Self::OpenAi => assert!(error["type"].is_string() && error.get("code").is_some(), "{told}"),
            Self::Anthropic => assert!(body["type"] == "error" && error["type"].is_string(), "{told}"),
            Self::Gemini => assert!(error["code"] == answer.status && error["status"].is_string(), "{told}"),
            Self::Any => {}
        }
    }
}

/// Every route that a client key opens.
pub(super) const ROUTES: &[(&str, &str, Shape)] = &[
    ("POST", "/v1/chat/completions", Shape::OpenAi),
    ("POST", "/chat/completions", Shape::OpenAi),
    ("POST", "/v1/responses", Shape::OpenAi),
    ("POST", "/responses", Shape::OpenAi),
    ("POST", "/v1/responses/input_tokens", Shape::OpenAi),
    ("GET", "/v1/responses/resp_1", Shape::OpenAi),
    ("DELETE", "/v1/responses/resp_1", Shape::OpenAi),
    ("GET", "/v1/responses/resp_1/input_items", Shape::OpenAi),
    ("POST", "/v1/responses/resp_1/cancel", Shape::OpenAi),
    ("POST", "/v1/messages", Shape::Anthropic),
    ("POST", "/v1/messages/count_tokens", Shape::Anthropic),
    ("POST", "/anthropic/v1/messages", Shape::Anthropic),
    ("POST", "/anthropic/v1/messages/count_tokens", Shape::Anthropic),
    ("POST", "/v1beta/models/gemini:m:generateContent", Shape::Gemini),
    ("POST", "/v1beta/models/gemini:m:streamGenerateContent", Shape::Gemini),
    ("POST", "/v1beta/models/gemini:m:countTokens", Shape::Gemini),
    ("POST", "/v1/models/gemini:m:generateContent", Shape::Any),
    ("GET", "/v1/models", Shape::Any),
    ("GET", "/models", Shape::Any),
    ("GET", "/v1/models/m", Shape::Any),
    ("GET", "/anthropic/v1/models", Shape::Anthropic),
    ("GET", "/anthropic/v1/models/m", Shape::Anthropic),
    ("GET", "/v1beta/models", Shape::Gemini),
    ("GET", "/v1beta/models/m", Shape::Gemini),
    ("GET", "/v1/diagnostics", Shape::OpenAi),
    ("GET", "/v1/diagnostics/agents", Shape::OpenAi),
    ("GET", "/v1/diagnostics/plugins", Shape::OpenAi),
    ("POST", "/v1/diagnostics/plugins/reload", Shape::OpenAi),
    ("POST", "/v1/diagnostics/route", Shape::OpenAi),
    ("POST", "/v1/diagnostics/backends/openai/reactivate", Shape::OpenAi),
];

/// A body that every turn's route can read.
pub(super) const BODY: &str = r#"{"model":"openai:m","max_tokens":9,"messages":[{"role":"user","content":"hi"}],"input":"hi","contents":[{"parts":[{"text":"hi"}]}]}"#;

/// A host and its provider.
pub(super) struct Scene {
    pub(super) lip: Lip,
    pub(super) upstream: Upstream,
}

impl Scene {
    /// One that asks for [`KEY`].
    pub(super) async fn guarded() -> Self {
        Self::with("", |builder| builder.env("API_KEYS", KEY)).await
    }

    /// One that asks for no key.
    pub(super) async fn open() -> Self {
        Self::with("", |builder| builder).await
    }

    /// With more lines at the top of the config, and a builder that is changed.
    pub(super) async fn with(top: &str, change: impl FnOnce(LipBuilder) -> LipBuilder) -> Self {
        Self::before(says_ok, top, change).await
    }

    /// In front of a provider of this kind.
    pub(super) async fn before(
        says: impl Fn(&Recorded) -> Reply + Send + Sync + 'static,
        top: &str,
        change: impl FnOnce(LipBuilder) -> LipBuilder,
    ) -> Self {
        let upstream = Upstream::by(says).await;
        let lip =
            change(Lip::builder().config_toml(&format!("{top}\n{}", config(&upstream.url())))).start().await;
        Self { lip, upstream }
    }

    /// Sends `bytes` on a connection of their own and reads the answer; none if the host closes without one.
    pub(super) async fn answer(&self, bytes: impl AsRef<[u8]>) -> Option<Answer> {
        let mut connection = self.lip.connect().await;
        connection.write_raw(bytes).await;
        within("an answer", connection.answer_or_end()).await
    }

    /// As [`Scene::answer`], for those that must be answered.
    pub(super) async fn must_answer(&self, bytes: impl AsRef<[u8]>, what: &str) -> Answer {
        self.answer(bytes).await.unwrap_or_else(|| panic!("{what}: closed without an answer"))
    }

    /// It serves as before, and nothing has gone to the provider.
    pub(super) async fn is_unharmed(&self) {
        let answer = self.must_answer(request("GET", "/health", &[], ""), "health").await;
        assert_eq!(answer.status, 200);
        assert!(self.upstream.requests().is_empty(), "{:?}", self.upstream.requests());
    }
}

/// Four backends in front of one provider.
pub(super) fn config(url: &str) -> String {
    let origin = url.strip_suffix("/v1").unwrap_or(url);
    let table = |name: &&str| {
        let version = if *name == "gemini" { "" } else { "/v1" };
        format!("[backends.{name}]\napi_key = \"{UPSTREAM_KEY}\"\napi_url = \"{origin}{version}\"\n")
    };
    BACKENDS.iter().map(table).collect()
}

pub(super) fn says_ok(request: &Recorded) -> Reply {
    match request.method.as_str() {
        "GET" => {
            Reply::json(200, r#"{"object":"list","data":[{"id":"gpt-5","object":"model"}],"models":[]}"#)
        }
        _ => crate::talk::says(request, "ok"),
    }
}

/// A request with these headers, closed after its answer.
pub(super) fn request(method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> String {
    let mut head = format!("{method} {target} HTTP/1.1\r\n");
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        head.push_str("host: localhost\r\n");
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    format!(
        "{head}content-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Sends `bytes` and reads until the host closes.
pub(super) async fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = within("a connection", TcpStream::connect(address)).await.expect("a connection");
    // A host that has heard enough stops reading.
    let _ = within("the host to read", stream.write_all(bytes)).await;
    let mut heard = Vec::new();
    let _ = within("the host to close", stream.read_to_end(&mut heard)).await;
    String::from_utf8_lossy(&heard).into_owned()
}
