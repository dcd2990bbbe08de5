//! Servers of one's own: Ollama by both of its APIs, and custom backends of every protocol.
use super::{Auth, Door, LIKE_OPENAI, Row, Server, any, is_version, openai_list};
use crate::server::chat::{self, Chat, OPENAI};
use crate::server::messages;
use serde_json::{Value, json};

/// Source: docs.ollama.com/openai-compatibility: of the two limits only the older one; images as data URLs.
const OLLAMA: Chat = Chat {
    known: OPENAI,
    refused: &["max_completion_tokens"],
    roles: &["system", "user", "assistant", "tool", "developer"],
    reasoning: &["reasoning"],
    ..chat::PLAIN
};

/// Source: docs.ollama.com/api/tags.
fn tags(models: &[&str]) -> Value {
    let one = |id: &&str| json!({"name": id, "model": id, "size": 1, "digest": "d", "details": {"family": "qwen3"}});
    json!({"models": models.iter().map(one).collect::<Vec<_>>()})
}

fn gemini_list(models: &[&str]) -> Value {
    let one = |id: &&str| json!({"name": format!("models/{id}"), "supportedGenerationMethods": ["generateContent"]});
    json!({"models": models.iter().map(one).collect::<Vec<_>>()})
}

const OWN: Row = Row {
    kind: "custom",
    base: "/gw/v1",
    headers: &[("x-team", |value| value == "blue")],
    needed: &["x-team"],
    list: Some(("/gw/v1/models", openai_list)),
    models: &["own-model"],
    talks: "own-model",
    sees: "own-model",
    thinks: "own-model",
    ..LIKE_OPENAI
};

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "ollama",
        kind: "ollama",
        vendor: "http://localhost:11434",
        base: "",
        list: Some(("/api/tags", tags)),
        models: &["qwen3:30b"],
        talks: "qwen3:30b",
        sees: "qwen3:30b",
        thinks: "qwen3:30b",
        doors: &[Door { path: "/v1/chat/completions", auth: Auth::None, server: Server::Chat(&OLLAMA) }],
        ..LIKE_OPENAI
    },
    Row {
        name: "ollama, native",
        kind: "ollama",
        config: "num_ctx = 16384\nkeep_alive = \"9m\"\n",
        vendor: "http://localhost:11434",
        base: "",
        list: Some(("/api/tags", tags)),
        models: &["qwen3:30b"],
        talks: "qwen3:30b",
        sees: "qwen3:30b",
        thinks: "qwen3:30b",
        doors: &[Door { path: "/api/chat", auth: Auth::None, server: Server::Ollama }],
        ..LIKE_OPENAI
    },
    Row {
        name: "custom, OpenAI Chat",
        config: "protocol = \"openai\"\nheaders = { x-team = \"blue\" }\n",
        doors: &[Door {
            path: "/gw/v1/chat/completions",
            auth: Auth::Bearer,
            server: Server::Chat(&chat::PLAIN),
        }],
        ..OWN
    },
    Row {
        name: "custom, Responses",
        config: "protocol = \"responses\"\nheaders = { x-team = \"blue\" }\n",
        doors: &[Door { path: "/gw/v1/responses", auth: Auth::Bearer, server: Server::Responses }],
        ..OWN
    },
    Row {
        name: "custom, Anthropic",
        config: "protocol = \"anthropic\"\nheaders = { x-team = \"blue\" }\n",
        headers: &[
            ("x-team", |value| value == "blue"),
            ("anthropic-version", is_version),
            ("anthropic-beta", any),
        ],
        needed: &["x-team", "anthropic-version"],
        doors: &[Door {
            path: "/gw/v1/messages",
            auth: Auth::Header("x-api-key"),
            server: Server::Messages(&messages::PLAIN),
        }],
        ..OWN
    },
    Row {
        name: "custom, Gemini",
        config: "protocol = \"gemini\"\nheaders = { x-team = \"blue\" }\n",
        base: "/gw",
        list: Some(("/gw/v1beta/models?pageSize=1000", gemini_list)),
        doors: &[Door {
            path: "/gw/v1beta/models/",
            auth: Auth::Header("x-goog-api-key"),
            server: Server::Gemini,
        }],
        ..OWN
    },
];
