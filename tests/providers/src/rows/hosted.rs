//! Services that host models of several makers.
use super::{Auth, Door, Header, LIKE_OPENAI, Row, Server, any, is_version};
use crate::server::chat::{self, Chat};
use crate::server::messages::{self, Messages};
use serde_json::{Value, json};

/// Source: OpenRouter's own SDK (ChatRequest), openrouter.ai/docs.
const OPENROUTER: Chat = Chat {
    known: &[
        "messages",
        "cache_control",
        "debug",
        "deferred_tools",
        "frequency_penalty",
        "image_config",
        "logit_bias",
        "logprobs",
        "max_completion_tokens",
        "max_tokens",
        "metadata",
        "min_p",
        "modalities",
        "model",
        "models",
        "parallel_tool_calls",
        "plugins",
        "prediction",
        "presence_penalty",
        "prompt_cache_key",
        "prompt_cache_options",
        "provider",
        "reasoning",
        "reasoning_effort",
        "repetition_penalty",
        "response_format",
        "seed",
        "service_tier",
        "session_id",
        "stop",
        "stop_server_tools_when",
        "stream",
        "stream_options",
        "temperature",
        "tool_choice",
        "tools",
        "top_a",
        "top_k",
        "top_logprobs",
        "top_p",
        "trace",
        "user",
    ],
    reasoning: &["reasoning", "reasoning_details"],
    always_usage: true,
    own: |judge, _, body| {
        let efforts = ["none", "minimal", "low", "medium", "high", "xhigh", "max"];
        if body.has("reasoning") {
            let known = ["effort", "max_tokens", "enabled", "exclude", "summary"];
            let reasoning = judge.object("reasoning", body.get("reasoning"), &known);
            return reasoning.has("effort")
                || reasoning.has("max_tokens")
                || reasoning.get("enabled") == true;
        }
        // A shorthand for `reasoning.effort`.
        let effort = body.get("reasoning_effort");
        !effort.is_null() && judge.word("reasoning_effort", effort, &efforts) != "none"
    },
    ..chat::PLAIN
};

/// Source: docs.api.nvidia.com, "LLM APIs": several hosted models refuse what they do not know.
const NVIDIA: Chat = Chat {
    plus: &["chat_template_kwargs", "top_k", "min_p"],
    refused: &["max_completion_tokens", "stream_options", "reasoning"],
    plain_text: true,
    always_usage: true,
    own: |judge, model, body| {
        let knows_effort = model.starts_with("openai/gpt-oss");
        judge.must(knows_effort || !body.has("reasoning_effort"), format!("{model} knows no effort"));
        body.has("reasoning_effort")
    },
    ..chat::PLAIN
};

/// Source: docs.zenmux.ai, "Reasoning".
const ZENMUX: Chat = Chat {
    plus: &["reasoning", "provider"],
    own: |judge, _, body| {
        let efforts = ["none", "minimal", "low", "medium", "high", "xhigh"];
        let effort = body.get("reasoning_effort");
        body.has("reasoning")
            || (!effort.is_null() && judge.word("reasoning_effort", effort, &efforts) != "none")
    },
    ..chat::PLAIN
};

/// Source: opencode.ai/docs/go.
const OPENCODE: Chat = Chat { ..chat::PLAIN };
const OPENCODE_MESSAGES: Messages = Messages { ..messages::PLAIN };

/// A bad key arrives as 403. Source: docs.zenmux.ai, "Error codes".
fn zenmux_error(status: u16, door: &Door) -> (u16, Value) {
    let Server::Chat(_) = door.server else { return super::own_error(status, door) };
    let (status, kind) = match status {
        401 => (403, "access_denied"),
        403 => (403, "safety_check_failed"),
        404 => (404, "model_not_available"),
        429 => (429, "rate_limit"),
        other => (other, "internal_server_error"),
    };
    (status, json!({"error": {"code": status.to_string(), "type": kind, "message": crate::provider::REASON}}))
}

/// Source: openrouter.ai/docs, "Errors": codes are numbers.
fn openrouter_error(status: u16, door: &Door) -> (u16, Value) {
    let Server::Chat(_) = door.server else { return super::own_error(status, door) };
    (
        status,
        json!({"error": {"code": status, "message": crate::provider::REASON, "metadata": {}}, "user_id": "u"}),
    )
}

/// Problem documents and FastAPI's own. Source: docs.api.nvidia.com.
fn nvidia_error(status: u16, _: &Door) -> (u16, Value) {
    match status {
        422 => (status, json!({"detail": crate::provider::REASON})),
        _ => (status, json!({"status": status, "title": "Refused", "detail": crate::provider::REASON})),
    }
}

/// 401 means a bad key or a model that is not of the plan. Source: opencode.ai/docs/go.
fn opencode_error(status: u16, door: &Door) -> (u16, Value) {
    let status = if status == 404 { 401 } else { status };
    match door.server {
        Server::Messages(_) => super::own_error(status, door),
        _ => (
            status,
            json!({"type": "error", "error": {"type": "AuthError", "message": crate::provider::REASON}}),
        ),
    }
}

/// Source: openrouter.ai/docs, "List models".
fn openrouter_list(models: &[&str]) -> Value {
    let one = |id: &&str| {
        json!({"id": id, "name": id, "created": 1_700_000_000, "context_length": 163_840, "pricing": {"prompt": "0"},
            "top_provider": {"max_completion_tokens": 8192}, "supported_parameters": ["tools"]})
    };
    json!({"data": models.iter().map(one).collect::<Vec<_>>()})
}

const fn bearer(path: &'static str, server: Server) -> Door {
    Door { path, auth: Auth::Bearer, server }
}

const fn keyed(path: &'static str, server: Server) -> Door {
    Door { path, auth: Auth::Header("x-api-key"), server }
}

/// Requests without a conversation's id are refused.
const SESSION: &[Header] = &[("x-opencode-session", |id| id.len() >= 8), ("anthropic-version", is_version)];

const OPENCODE_ROW: Row = Row {
    kind: "opencode-go",
    vendor: "https://opencode.ai/zen/go/v1",
    base: "/zen/go/v1",
    headers: SESSION,
    needed: &["x-opencode-session"],
    list: Some(("/zen/go/v1/models", super::openai_list)),
    prefix: "opencode-go/",
    doors: &[
        bearer("/zen/go/v1/chat/completions", Server::Chat(&OPENCODE)),
        keyed("/zen/go/v1/messages", Server::Messages(&OPENCODE_MESSAGES)),
        bearer("/zen/go/v1/responses", Server::Responses),
    ],
    error: opencode_error,
    ..LIKE_OPENAI
};

/// 401 also means credits and models. Source: opencode.ai/docs/zen; its server's error types.
fn zen_error(status: u16, _: &Door) -> (u16, Value) {
    let (status, kind) = match status {
        401 => (401, "AuthError"),
        403 => (403, "RegionError"),
        404 => (401, "ModelError"),
        429 => (429, "RateLimitError"),
        other => (other, "error"),
    };
    (status, json!({"type": "error", "error": {"type": kind, "message": crate::provider::REASON}}))
}

const ZEN_ROW: Row = Row {
    kind: "opencode-zen",
    vendor: "https://opencode.ai/zen/v1",
    base: "/zen/v1",
    takes_guard: false,
    headers: &[
        ("x-opencode-session", any),
        ("x-opencode-request", any),
        ("x-opencode-client", any),
        ("anthropic-version", is_version),
    ],
    needed: &["x-opencode-session"],
    list: Some(("/zen/v1/models", super::openai_list)),
    models: &["glm-5.2", "claude-sonnet-5", "gpt-5.5", "gemini-3-flash"],
    prefix: "opencode/",
    doors: &[
        bearer("/zen/v1/chat/completions", Server::Chat(&OPENCODE)),
        keyed("/zen/v1/messages", Server::Messages(&OPENCODE_MESSAGES)),
        bearer("/zen/v1/responses", Server::Responses),
        Door { path: "/zen/v1/models/", auth: Auth::Header("x-goog-api-key"), server: Server::Gemini },
    ],
    error: zen_error,
    ..LIKE_OPENAI
};

/// Source: github.com/cline/cline: OpenAI's body with OpenRouter's reasoning.
const CLINE: Chat = Chat { known: chat::OPENAI, plus: &["reasoning"], ..OPENROUTER };

/// Source: github.com/cline/cline: errors may be texts.
fn cline_error(status: u16, _: &Door) -> (u16, Value) {
    (status, json!({"success": false, "error": crate::provider::REASON}))
}

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "openrouter",
        kind: "openrouter",
        vendor: "https://openrouter.ai/api/v1",
        base: "/api/v1",
        headers: &[
            ("http-referer", any),
            ("x-title", any),
            ("x-openrouter-title", any),
            ("anthropic-version", is_version),
        ],
        needed: &["x-openrouter-title"],
        list: Some(("/api/v1/models", openrouter_list)),
        models: &["deepseek/deepseek-v3.2", "z-ai/glm-4.6:nitro"],
        talks: "z-ai/glm-4.6:nitro",
        sees: "z-ai/glm-4.6:nitro",
        thinks: "deepseek/deepseek-v3.2",
        doors: &[
            bearer("/api/v1/chat/completions", Server::Chat(&OPENROUTER)),
            bearer("/api/v1/responses", Server::Responses),
            bearer("/api/v1/messages", Server::Messages(&messages::PLAIN)),
        ],
        error: openrouter_error,
        ..LIKE_OPENAI
    },
    Row {
        name: "nvidia",
        kind: "nvidia",
        vendor: "https://integrate.api.nvidia.com/v1",
        models: &["meta/llama-3.3-70b-instruct", "openai/gpt-oss-120b"],
        talks: "meta/llama-3.3-70b-instruct",
        sees: "meta/llama-3.3-70b-instruct",
        thinks: "openai/gpt-oss-120b",
        doors: &[bearer("/v1/chat/completions", Server::Chat(&NVIDIA))],
        error: nvidia_error,
        ..LIKE_OPENAI
    },
    Row {
        name: "zenmux",
        kind: "zenmux",
        vendor: "https://zenmux.ai/api/v1",
        base: "/api/v1",
        elsewhere: &[("anthropic-messages", "/api/anthropic/v1")],
        headers: &[("http-referer", any), ("x-title", any), ("anthropic-version", is_version)],
        needed: &["x-title"],
        list: Some(("/api/v1/models", super::openai_list)),
        models: &["z-ai/glm-4.6", "openai/gpt-5.1:azure"],
        talks: "z-ai/glm-4.6",
        sees: "z-ai/glm-4.6",
        thinks: "z-ai/glm-4.6",
        doors: &[
            bearer("/api/v1/chat/completions", Server::Chat(&ZENMUX)),
            bearer("/api/v1/responses", Server::Responses),
            keyed("/api/anthropic/v1/messages", Server::Messages(&messages::PLAIN)),
        ],
        hint: Some((401, "ZENMUX_API_KEY")),
        error: zenmux_error,
        ..LIKE_OPENAI
    },
    Row {
        name: "opencode-go",
        models: &["glm-5.3", "qwen3.8-max", "gpt-5.6-luna"],
        talks: "glm-5.3",
        thinks: "glm-5.3",
        ..OPENCODE_ROW
    },
    Row {
        name: "opencode-go, models of Messages",
        models: &["glm-5.3", "qwen3.8-max", "gpt-5.6-luna"],
        talks: "qwen3.8-max",
        thinks: "qwen3.8-max",
        ..OPENCODE_ROW
    },
    Row {
        name: "opencode-go, models of Responses",
        models: &["glm-5.3", "qwen3.8-max", "gpt-5.6-luna"],
        talks: "gpt-5.6-luna",
        sees: "gpt-5.6-luna",
        thinks: "gpt-5.6-luna",
        ..OPENCODE_ROW
    },
    Row { name: "opencode-zen", talks: "glm-5.2", thinks: "glm-5.2", ..ZEN_ROW },
    Row {
        name: "opencode-zen, models of Messages",
        talks: "claude-sonnet-5",
        sees: "claude-sonnet-5",
        thinks: "claude-sonnet-5",
        ..ZEN_ROW
    },
    Row {
        name: "opencode-zen, models of Responses",
        talks: "gpt-5.5",
        sees: "gpt-5.5",
        thinks: "gpt-5.5",
        ..ZEN_ROW
    },
    Row {
        name: "opencode-zen, models of Gemini",
        talks: "gemini-3-flash",
        sees: "gemini-3-flash",
        thinks: "gemini-3-flash",
        ..ZEN_ROW
    },
    Row {
        name: "cline, by key",
        kind: "cline",
        base: "",
        headers: &[("x-task-id", any), ("x-client-type", any)],
        needed: &["x-client-type"],
        list: None,
        models: &["anthropic/claude-sonnet-5"],
        fixed: &["anthropic/claude-sonnet-5"],
        talks: "anthropic/claude-sonnet-5",
        sees: "anthropic/claude-sonnet-5",
        thinks: "anthropic/claude-sonnet-5",
        doors: &[bearer("/api/v1/chat/completions", Server::Chat(&CLINE))],
        error: cline_error,
        ..LIKE_OPENAI
    },
];
