//! Requests and answers of the dialects, for checks that need some.

/// Good answers of the upstream, where they are not those of a dialect.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sample {
    pub(crate) answer: Option<&'static [u8]>,
    pub(crate) models: Option<&'static str>,
    pub(crate) model: Option<&'static str>,
    pub(crate) fields: Option<&'static str>,
    pub(crate) command: Option<&'static str>,
    pub(crate) config: Option<&'static str>,
}

impl Sample {
    /// The upstream speaks the dialect: nothing else needs to be said.
    pub const DIALECT: Self =
        Self { answer: None, models: None, model: None, fields: None, command: None, config: None };

    /// The body of a good answer to a turn, and of a model list with at least one model.
    pub const fn new(answer: &'static str, models: &'static str) -> Self {
        Self::binary(answer.as_bytes(), models)
    }

    /// The same, for an upstream that does not answer in text.
    pub const fn binary(answer: &'static [u8], models: &'static str) -> Self {
        Self { answer: Some(answer), models: Some(models), ..Self::DIALECT }
    }

    /// Turns ask for this model, where not every name will do.
    #[must_use]
    pub const fn asking_for(mut self, model: &'static str) -> Self {
        self.model = Some(model);
        self
    }

    /// Instances have this config, where they need one: a JSON object.
    #[must_use]
    pub const fn configured(mut self, config: &'static str) -> Self {
        self.config = Some(config);
        self
    }

    /// Commands of an agent that turns run come to this: JSON `{code, stdout, stderr}`.
    #[must_use]
    pub const fn commanding(mut self, output: &'static str) -> Self {
        self.command = Some(output);
        self
    }

    /// A list of models alone, where the answers are those of a dialect.
    #[must_use]
    pub const fn listing(mut self, models: &'static str) -> Self {
        self.models = Some(models);
        self
    }

    /// Turns use an account with which these fields are kept: a JSON object.
    #[must_use]
    pub const fn keeping(mut self, fields: &'static str) -> Self {
        self.fields = Some(fields);
        self
    }
}

/// The same from a cassette: what it has of them.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recorded {
    /// The body of a good answer to a turn.
    pub answer: Option<String>,
    /// The body of a model list.
    pub models: Option<String>,
    /// The model that turns ask for.
    pub model: Option<String>,
    /// What commands of an agent come to that turns run: JSON `{code, stdout, stderr}`.
    pub command: Option<String>,
    /// What is kept with the account that turns use.
    pub fields: serde_json::Value,
    /// The config of an instance.
    #[serde(skip)]
    pub(crate) config: Option<serde_json::Value>,
}

/// A list that any of the dialects' model routes could give.
pub(crate) const MODELS: &str = r#"{"object":"list","data":[{"id":"model-a","object":"model","created":1700000000,"owned_by":"acme","type":"model"}],
"models":[{"name":"models/model-a","model":"model-a","supportedGenerationMethods":["generateContent"]}],"has_more":false}"#;

/// The same of a program that the host starts.
pub(crate) const AGENT_MODELS: &str = r#"[{"id":"model-a","title":"Model A"}]"#;

/// What a dialect looks like on the wire.
pub(crate) struct Wire {
    pub(crate) dialect: &'static str,
    /// A client's request, not streamed. It holds the word `hello` once.
    pub(crate) request: &'static str,
    /// The upstream's answer.
    pub(crate) answer: &'static str,
    /// A piece of its stream that may come many times, as it is framed.
    pub(crate) piece: &'static str,
    /// What ends it.
    pub(crate) end: Option<&'static str>,
    /// The stream's `content-type`.
    pub(crate) stream_type: &'static str,
}

const SSE: &str = "text/event-stream";

pub(crate) const WIRES: [Wire; 6] = [
    Wire {
        dialect: "openai-chat",
        request: r#"{"model":"model-a","messages":[{"role":"user","content":"hello"}]}"#,
        answer: r#"{"id":"c1","object":"chat.completion","created":1,"model":"model-a","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]}"#,
        piece: "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"model-a\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"}}]}\n\n",
        end: Some("data: [DONE]\n\n"),
        stream_type: SSE,
    },
    Wire {
        dialect: "openai-responses",
        request: r#"{"model":"model-a","input":"hello"}"#,
        answer: r#"{"id":"resp_1","object":"response","created_at":1,"status":"completed","model":"model-a","output":[{"id":"msg_1","type":"message","role":"assistant","status":"completed","content":[{"type":"output_text","text":"hi","annotations":[]}]}]}"#,
        piece: "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"item_id\":\"msg_1\",\"output_index\":0,\"content_index\":0,\"delta\":\"hi\"}\n\n",
        end: None,
        stream_type: SSE,
    },
    Wire {
        dialect: "anthropic-messages",
        request: r#"{"model":"model-a","max_tokens":64,"messages":[{"role":"user","content":"hello"}]}"#,
        answer: r#"{"id":"msg_1","type":"message","role":"assistant","model":"model-a","content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":1}}"#,
        piece: "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"hi\"}}\n\n",
        end: None,
        stream_type: SSE,
    },
    Wire {
        dialect: "gemini",
        request: r#"{"contents":[{"role":"user","parts":[{"text":"hello"}]}]}"#,
        answer: r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"hi"}]},"finishReason":"STOP","index":0}]}"#,
        piece: "data: {\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"hi\"}]},\"index\":0}]}\r\n\r\n",
        end: None,
        stream_type: SSE,
    },
    Wire {
        dialect: "ollama",
        request: r#"{"model":"model-a","messages":[{"role":"user","content":"hello"}]}"#,
        answer: r#"{"model":"model-a","created_at":"2025-01-01T00:00:00Z","message":{"role":"assistant","content":"hi"},"done":true,"done_reason":"stop"}"#,
        piece: "{\"model\":\"model-a\",\"created_at\":\"2025-01-01T00:00:00Z\",\"message\":{\"role\":\"assistant\",\"content\":\"hi\"},\"done\":false}\n",
        end: None,
        stream_type: "application/x-ndjson",
    },
    Wire {
        dialect: "lip",
        request: r#"{"model":"model-a","turns":[{"role":"user","parts":[{"content":{"text":{"text":"hello"}}}]}]}"#,
        answer: r#"{"model":"model-a","choices":[{"parts":[{"content":{"text":{"text":"hi"}}}],"stop":{"reason":"end"}}]}"#,
        piece: "data: {\"text\":{\"at\":{\"part\":0},\"text\":\"hi\"}}\n\n",
        end: Some("data: \"end\"\n\n"),
        stream_type: SSE,
    },
];
