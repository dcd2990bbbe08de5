//! The makers of models, at their own APIs.
use super::{Auth, Door, Header, LIKE_OPENAI, Row, Server, any, is_version};
use crate::server::chat::{self, Chat, Choice};
use crate::server::messages;
use serde_json::{Value, json};

/// Source: OpenAI API reference. `top_k` is no field of theirs; GPT-5 takes no temperature and counts output by the newer name.
const OPENAI: Chat = Chat {
    reasoning: &[],
    own: |judge, model, body| {
        if model.starts_with("gpt-5") {
            judge.must(!body.has("temperature"), "this model takes no temperature");
            judge.must(!body.has("max_tokens"), "this model takes max_completion_tokens");
            judge.must(!body.has("stop"), "this model takes no stop");
        }
        let efforts = ["none", "minimal", "low", "medium", "high", "xhigh", "max"];
        let effort = body.get("reasoning_effort");
        !effort.is_null() && judge.word("reasoning_effort", effort, &efforts) != "none"
    },
    ..chat::PLAIN
};

/// Source: docs.z.ai, "Chat completion", "Thinking", "Tool streaming".
const ZAI: Chat = Chat {
    plus: &["thinking", "do_sample", "request_id", "user_id", "tool_stream", "top_k"],
    refused: &[
        "seed",
        "presence_penalty",
        "frequency_penalty",
        "n",
        "logprobs",
        "top_logprobs",
        "logit_bias",
        "parallel_tool_calls",
        "stream_options",
        "store",
        "user",
        "max_completion_tokens",
        "prompt_cache_key",
        "prompt_cache_retention",
        "prompt_cache_options",
        "safety_identifier",
        "service_tier",
        "verbosity",
        "prediction",
        "modalities",
        "audio",
        "web_search_options",
        "metadata",
    ],
    roles: &["system", "user", "assistant", "tool"],
    temperature: (0.01, 1.0),
    tool_choice: Choice::Auto,
    always_usage: true,
    own: |judge, model, body| {
        judge.must(body.get("max_tokens").as_u64().is_none_or(|n| n <= 131_072), "max_tokens over 131072");
        let tools = body.has("tools") && body.get("stream") == true;
        judge.must(!tools || body.get("tool_stream") == true, "streamed tools without tool_stream");
        let mut is_on = false;
        if body.has("thinking") {
            let thinking = judge.object("thinking", body.get("thinking"), &["type", "clear_thinking"]);
            is_on = judge.word("thinking.type", thinking.get("type"), &["enabled", "disabled"]) == "enabled";
        }
        if body.has("reasoning_effort") {
            judge.must(model.starts_with("glm-5."), format!("{model} knows no effort"));
            judge.must(is_on, "an effort without thinking");
            judge.word("reasoning_effort", body.get("reasoning_effort"), &["low", "high", "max"]);
        }
        is_on
    },
    ..chat::PLAIN
};

/// Source: docs.z.ai, "Coding plan": the fields that the plan's endpoint is known to take.
const ZAI_PLAN: Chat = Chat {
    known: &[
        "model",
        "messages",
        "stream",
        "max_tokens",
        "temperature",
        "top_p",
        "tools",
        "tool_choice",
        "thinking",
        "reasoning_effort",
        "tool_stream",
        "stop",
        "response_format",
    ],
    ..ZAI
};

/// Source: platform.kimi.ai, "Chat"; answers of the coding gateway.
const KIMI: Chat = Chat {
    plus: &["thinking"],
    refused: &["reasoning", "temperature"],
    roles: &["system", "user", "assistant", "tool"],
    tool_choice: Choice::AutoOrNone,
    needs_reasoning: true,
    own: |judge, model, body| {
        for key in ["max_tokens", "max_completion_tokens"] {
            judge.must(body.get(key).as_u64().is_none_or(|n| n >= 512), "the floor of output is 512");
        }
        if body.has("reasoning_effort") {
            judge.must(model.starts_with("k3"), format!("{model} knows no effort"));
            judge.word("reasoning_effort", body.get("reasoning_effort"), &["low", "high", "max"]);
        }
        // Its models always think.
        true
    },
    ..chat::PLAIN
};

/// Source: platform.minimax.io, "Text generation (OpenAI compatible)".
const MINIMAX: Chat = Chat {
    plus: &["reasoning_split", "thinking"],
    refused: &["n"],
    roles: &["system", "user", "assistant", "tool"],
    temperature: (0.01, 1.0),
    tool_choice: Choice::AutoOrNone,
    reasoning: &["reasoning_details"],
    own: |judge, model, body| {
        judge.must(body.get("reasoning_split") == true, "reasoning would stand in the text");
        if body.has("thinking") {
            let thinking = judge.object("thinking", body.get("thinking"), &["type"]);
            judge.word("thinking.type", thinking.get("type"), &["adaptive", "disabled"]);
        }
        judge.must(
            !body.has("reasoning_effort") || model == "MiniMax-M3.1-Flash",
            format!("{model} knows no effort"),
        );
        body.has("reasoning_effort") && body.get("thinking")["type"] == "adaptive"
    },
    ..chat::PLAIN
};

/// Source: internlm.intern-ai.org.cn, "Chat": further fields of OpenAI's are ignored.
const INTERNLM: Chat = Chat {
    plus: &["thinking_mode"],
    refused: &["max_completion_tokens", "reasoning_effort"],
    roles: &["system", "user", "assistant", "tool"],
    own: |judge, _, body| judge.switch("thinking_mode", body.get("thinking_mode")),
    ..chat::PLAIN
};

const BEARER: Auth = Auth::Bearer;
const KEY: Auth = Auth::Header("x-api-key");

const fn door(path: &'static str, auth: Auth, server: Server) -> Door {
    Door { path, auth, server }
}

/// The gateway knows its clients; a 403 of this kind is no bad key. Source: MoonshotAI/kimi-code issue 414.
fn kimi_error(status: u16, door: &Door) -> (u16, Value) {
    if status != 403 || !matches!(door.server, Server::Chat(_)) {
        return super::own_error(status, door);
    }
    let message =
        format!("Kimi For Coding is currently only available for Coding Agents: {}", crate::provider::REASON);
    (403, json!({"error": {"message": message, "type": "access_terminated_error"}}))
}

/// Source: docs.z.ai, "Error codes".
fn zai_error(status: u16, door: &Door) -> (u16, Value) {
    let code = match status {
        401 => "1000",
        403 => "1220",
        404 => "1211",
        429 => "1302",
        _ => "500",
    };
    match door.server {
        Server::Chat(_) => (status, json!({"error": {"code": code, "message": crate::provider::REASON}})),
        _ => super::own_error(status, door),
    }
}

/// Source: ai.google.dev/api, "models.list".
fn gemini_list(models: &[&str]) -> Value {
    let one = |id: &&str| {
        json!({"name": format!("models/{id}"), "displayName": id, "inputTokenLimit": 1_048_576, "outputTokenLimit": 65_536,
            "supportedGenerationMethods": ["generateContent", "countTokens"]})
    };
    let embedding = json!({"name": "models/embedding-1", "supportedGenerationMethods": ["embedContent"]});
    let all: Vec<Value> = models.iter().map(one).chain([embedding]).collect();
    json!({ "models": all })
}

/// Source: Anthropic API reference, "List models".
fn anthropic_list(models: &[&str]) -> Value {
    let one = |id: &&str| json!({"type": "model", "id": id, "display_name": id, "created_at": "2025-01-01T00:00:00Z"});
    json!({"data": models.iter().map(one).collect::<Vec<_>>(), "has_more": false,
        "first_id": models.first(), "last_id": models.last()})
}

const VERSIONED: &[Header] = &[("anthropic-version", is_version), ("anthropic-beta", any)];

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "openai",
        kind: "openai",
        vendor: "https://api.openai.com/v1",
        models: &["gpt-4.1", "gpt-5.1"],
        prefix: "openai/",
        talks: "gpt-4.1",
        sees: "gpt-4.1",
        thinks: "gpt-5.1",
        doors: &[door("/v1/chat/completions", BEARER, Server::Chat(&OPENAI))],
        ..LIKE_OPENAI
    },
    Row {
        name: "openai-responses",
        kind: "openai-responses",
        vendor: "https://api.openai.com/v1",
        models: &["gpt-4.1", "gpt-5.1"],
        prefix: "openai/",
        talks: "gpt-4.1",
        sees: "gpt-4.1",
        thinks: "gpt-5.1",
        doors: &[door("/v1/responses", BEARER, Server::Responses)],
        ..LIKE_OPENAI
    },
    Row {
        name: "anthropic",
        kind: "anthropic",
        vendor: "https://api.anthropic.com/v1",
        models: &["claude-sonnet-4-5", "claude-opus-4-6"],
        prefix: "anthropic/",
        headers: VERSIONED,
        needed: &["anthropic-version"],
        list: Some(("/v1/models?limit=1000", anthropic_list)),
        talks: "claude-sonnet-4-5",
        sees: "claude-sonnet-4-5",
        thinks: "claude-opus-4-6",
        doors: &[door("/v1/messages", KEY, Server::Messages(&messages::PLAIN))],
        ..LIKE_OPENAI
    },
    Row {
        name: "gemini",
        kind: "gemini",
        vendor: "https://generativelanguage.googleapis.com",
        base: "",
        models: &["gemini-2.5-flash", "gemini-3-pro-preview"],
        prefix: "google/",
        list: Some(("/v1beta/models?pageSize=1000", gemini_list)),
        talks: "gemini-3-pro-preview",
        sees: "gemini-2.5-flash",
        thinks: "gemini-3-pro-preview",
        doors: &[door("/v1beta/models/", Auth::Header("x-goog-api-key"), Server::Gemini)],
        ..LIKE_OPENAI
    },
    Row {
        name: "zai",
        kind: "zai",
        vendor: "https://api.z.ai/api/paas/v4",
        base: "/api/paas/v4",
        headers: &[("accept-language", |value| value == "en-US,en")],
        list: Some(("/api/paas/v4/models", super::openai_list)),
        models: &["glm-5.3", "glm-4.7", "glm-4.6v"],
        prefix: "zhipu/",
        talks: "glm-4.7",
        sees: "glm-4.6v",
        thinks: "glm-5.3",
        doors: &[door("/api/paas/v4/chat/completions", BEARER, Server::Chat(&ZAI))],
        error: zai_error,
        ..LIKE_OPENAI
    },
    Row {
        name: "zai-coding-plan",
        kind: "zai-coding-plan",
        vendor: "https://api.z.ai/api/coding/paas/v4",
        base: "/api/coding/paas/v4",
        elsewhere: &[("anthropic-messages", "/api/anthropic/v1")],
        takes_guard: false,
        headers: &[("anthropic-version", is_version)],
        list: Some(("/api/coding/paas/v4/models", super::openai_list)),
        models: &["glm-5.3", "glm-4.7"],
        prefix: "zai/",
        talks: "glm-4.7",
        thinks: "glm-5.3",
        doors: &[
            door("/api/coding/paas/v4/chat/completions", BEARER, Server::Chat(&ZAI_PLAN)),
            door("/api/anthropic/v1/messages", BEARER, Server::Messages(&messages::PLAIN)),
        ],
        error: zai_error,
        ..LIKE_OPENAI
    },
    Row {
        name: "kimi-code",
        kind: "kimi-code",
        vendor: "https://api.kimi.com/coding/v1",
        base: "/coding/v1",
        takes_guard: false,
        headers: &[("anthropic-version", is_version)],
        list: None,
        models: &["kimi-for-coding", "k3"],
        fixed: &["kimi-for-coding", "kimi-for-coding-highspeed", "k3", "k3-256k"],
        prefix: "kimi/",
        talks: "kimi-for-coding",
        sees: "kimi-for-coding",
        thinks: "k3",
        takes_temperature: false,
        doors: &[
            door("/coding/v1/chat/completions", BEARER, Server::Chat(&KIMI)),
            door("/coding/v1/messages", KEY, Server::Messages(&messages::PLAIN)),
        ],
        hint: Some((403, "identity.user_agent")),
        error: kimi_error,
        ..LIKE_OPENAI
    },
    Row {
        name: "minimax",
        kind: "minimax",
        vendor: "https://api.minimax.io/v1",
        elsewhere: &[("anthropic-messages", "/anthropic/v1")],
        headers: &[("anthropic-version", is_version)],
        list: None,
        models: &["MiniMax-M3.1-Flash", "MiniMax-M3", "MiniMax-M2.7"],
        fixed: &[
            "MiniMax-M3.1-Flash",
            "MiniMax-M3",
            "MiniMax-M2.7",
            "MiniMax-M2.7-highspeed",
            "MiniMax-M2.5",
            "MiniMax-M2.5-highspeed",
            "MiniMax-M2.1",
            "MiniMax-M2",
        ],
        prefix: "minimax/",
        talks: "MiniMax-M2.7",
        sees: "MiniMax-M3",
        thinks: "MiniMax-M3.1-Flash",
        doors: &[
            door("/v1/chat/completions", BEARER, Server::Chat(&MINIMAX)),
            door("/anthropic/v1/messages", KEY, Server::Messages(&messages::PLAIN)),
        ],
        ..LIKE_OPENAI
    },
    Row {
        name: "internlm",
        kind: "internlm",
        vendor: "https://chat.intern-ai.org.cn/api/v1",
        base: "/api/v1",
        list: Some(("/api/v1/models", super::openai_list)),
        models: &["intern-s1", "intern-latest"],
        prefix: "internlm/",
        talks: "intern-s1",
        sees: "intern-s1",
        thinks: "intern-s1",
        doors: &[door("/api/v1/chat/completions", BEARER, Server::Chat(&INTERNLM))],
        ..LIKE_OPENAI
    },
];
