//! The objects of Ollama's native chat API as they stand on the wire. Source: Ollama API documentation, "Generate a chat completion" (`POST /api/chat`).
use crate::codec::{Count, Id, Raw, Str, Wtf8, json_object};

json_object! {
    /// An answer, or one line of a streamed one. Durations stand in `rest`.
    struct Response<'a> {
        "model" => model: Str<'a>,
        "created_at" => created_at: Str<'a>,
        "message" => message: Message<'a>,
        "done" => done: bool,
        "done_reason" => done_reason: Str<'a>,
        "prompt_eval_count" => prompt: Count,
        "eval_count" => output: Count,
        "logprobs" => logprobs: Vec<Token<'a>>,
        "error" => error: Raw<'a>,
    }
}

json_object! {
    struct Message<'a> {
        "role" => role: Str<'a>,
        "content" => content: Wtf8<'a>,
        "thinking" => thinking: Wtf8<'a>,
        "tool_calls" => calls: Vec<ToolCall<'a>>,
    }
}

json_object! {
    struct ToolCall<'a> {
        "id" => id: Id<'a>,
        "function" => function: Function<'a>,
    }
}

json_object! {
    struct Function<'a> {
        "index" => index: Count,
        "name" => name: Str<'a>,
        "arguments" => arguments: Raw<'a>,
    }
}

json_object! {
    struct Token<'a> {
        "token" => token: Str<'a>,
        "logprob" => logprob: f64,
        "bytes" => bytes: Vec<u8>,
        "top_logprobs" => top: Vec<Token<'a>>,
    }
}
