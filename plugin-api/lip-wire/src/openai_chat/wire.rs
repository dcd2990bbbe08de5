//! The objects of the Chat Completions API as they stand on the wire.
//! Source: OpenAI API reference, "Chat Completions" (types of the official Python SDK 3.5x); fields that only compatible servers use are marked.
use crate::{
    canon::{Fields, Json},
    codec::{Count, Id, Raw, Said, Str, StrOrSeq, Whole, Wtf8, json_object},
};

json_object! {
    struct Request<'a> {
        "model" => model: Str<'a>,
        "messages" => messages: Vec<Message<'a>>,
        "audio" => audio: Raw<'a>,
        "frequency_penalty" => frequency_penalty: f64,
        "function_call" => function_call: Raw<'a>,
        "functions" => functions: Vec<Function<'a>>,
        "logit_bias" => logit_bias: Json,
        "logprobs" => logprobs: bool,
        "max_completion_tokens" => max_completion_tokens: Count,
        "max_tokens" => max_tokens: Count,
        "metadata" => metadata: Fields,
        "modalities" => modalities: Vec<Str<'a>>,
        "n" => n: u32,
        "parallel_tool_calls" => parallel_tool_calls: bool,
        "presence_penalty" => presence_penalty: f64,
        "prompt_cache_key" => prompt_cache_key: Str<'a>,
        "prompt_cache_retention" => prompt_cache_retention: Str<'a>,
        "reasoning" => reasoning: ReasoningObject<'a>,
        "reasoning_effort" => reasoning_effort: Str<'a>,
        "response_format" => response_format: ResponseFormat<'a>,
        "safety_identifier" => safety_identifier: Str<'a>,
        "seed" => seed: i64,
        "service_tier" => service_tier: Str<'a>,
        "stop" => stop: StrOrSeq<'a, Str<'a>>,
        "store" => store: bool,
        "stream" => stream: bool,
        "stream_options" => stream_options: StreamOptions<'a>,
        "temperature" => temperature: f64,
        "tool_choice" => tool_choice: Raw<'a>,
        "tools" => tools: Vec<Tool<'a>>,
        "top_k" => top_k: Count,
        "top_logprobs" => top_logprobs: u32,
        "top_p" => top_p: f64,
        "user" => user: Str<'a>,
        "verbosity" => verbosity: Str<'a>,
    }
}

json_object! {
    /// OpenRouter's `reasoning`; OpenAI has `reasoning_effort` instead.
    struct ReasoningObject<'a> {
        "effort" => effort: Str<'a>,
        "max_tokens" => max_tokens: i64,
    }
}

json_object! {
    struct StreamOptions<'a> {
        "include_usage" => include_usage: bool,
        "include_obfuscation" => include_obfuscation: bool,
    }
}

json_object! {
    struct ResponseFormat<'a> {
        "type" => kind: Str<'a>,
        "json_schema" => json_schema: JsonSchema<'a>,
    }
}

json_object! {
    struct JsonSchema<'a> {
        "name" => name: Str<'a>,
        "description" => description: Str<'a>,
        "schema" => schema: Json,
        "strict" => strict: bool,
    }
}

json_object! {
    struct Tool<'a> {
        "type" => kind: Str<'a>,
        "function" => function: Function<'a>,
        "custom" => custom: Custom<'a>,
        "cache_control" => cache_control: Box<CacheControl<'a>>,
    }
}

json_object! {
    struct Function<'a> {
        "name" => name: Str<'a>,
        "description" => description: Str<'a>,
        "parameters" => parameters: Json,
        "strict" => strict: bool,
    }
}

json_object! {
    struct Custom<'a> {
        "name" => name: Str<'a>,
        "description" => description: Str<'a>,
        "format" => format: CustomFormat<'a>,
    }
}

json_object! {
    struct CustomFormat<'a> {
        "type" => kind: Str<'a>,
        "grammar" => grammar: Grammar<'a>,
    }
}

json_object! {
    struct Grammar<'a> {
        "syntax" => syntax: Str<'a>,
        "definition" => definition: Str<'a>,
    }
}

json_object! {
    /// Anthropic's mark, which OpenRouter and others take on chat parts.
    struct CacheControl<'a> {
        "type" => kind: Str<'a>,
        "ttl" => ttl: Str<'a>,
    }
}

json_object! {
    /// An object of `tool_choice` (and of the list of allowed tools in it).
    struct Choose<'a> {
        "type" => kind: Str<'a>,
        "name" => name: Str<'a>,
        "function" => function: Named<'a>,
        "custom" => custom: Named<'a>,
        "allowed_tools" => allowed_tools: AllowedTools<'a>,
    }
}

json_object! {
    struct Named<'a> {
        "name" => name: Str<'a>,
    }
}

json_object! {
    struct AllowedTools<'a> {
        "mode" => mode: Str<'a>,
        "tools" => tools: Vec<Choose<'a>>,
    }
}

json_object! {
    /// A message of a request or of an answer. `reasoning*` and `images` are compatible servers'.
    struct Message<'a> {
        "role" => role: Str<'a>,
        "name" => name: Str<'a>,
        "content" => content: StrOrSeq<'a, Part<'a>>,
        "refusal" => refusal: Str<'a>,
        "audio" => audio: Box<Audio<'a>>,
        "function_call" => function_call: Box<FunctionCall<'a>>,
        "tool_calls" => tool_calls: Vec<ToolCall<'a>>,
        "tool_call_id" => tool_call_id: Id<'a>,
        "annotations" => annotations: Vec<Raw<'a>>,
        "images" => images: Vec<Part<'a>>,
        "reasoning_content" => reasoning_content: Str<'a>,
        "reasoning" => reasoning: Str<'a>,
        "reasoning_details" => reasoning_details: Vec<Detail<'a>>,
    }
}

json_object! {
    /// A content part: which fields count is said by `type`. `video_url` is compatible servers'.
    struct Part<'a> {
        "type" => kind: Str<'a>,
        "text" => text: Said<'a>,
        "refusal" => refusal: Str<'a>,
        "image_url" => image_url: Raw<'a>,
        "video_url" => video_url: Raw<'a>,
        "input_audio" => input_audio: Box<InputAudio<'a>>,
        "file" => file: Box<File<'a>>,
        "cache_control" => cache_control: Box<CacheControl<'a>>,
    }
}

json_object! {
    struct MediaUrl<'a> {
        "url" => url: Str<'a>,
        "detail" => detail: Str<'a>,
    }
}

json_object! {
    struct InputAudio<'a> {
        "data" => data: Str<'a>,
        "format" => format: Str<'a>,
    }
}

json_object! {
    struct File<'a> {
        "file_data" => file_data: Str<'a>,
        "file_id" => file_id: Str<'a>,
        "filename" => filename: Str<'a>,
    }
}

json_object! {
    struct Audio<'a> {
        "id" => id: Id<'a>,
        "data" => data: Str<'a>,
        "transcript" => transcript: Wtf8<'a>,
    }
}

json_object! {
    struct FunctionCall<'a> {
        "name" => name: Str<'a>,
        "arguments" => arguments: Arguments<'a>,
    }
}

json_object! {
    /// A call, whole or a delta of one (`index`). `extra_content` is Google's OpenAI layer.
    struct ToolCall<'a> {
        "index" => index: Count,
        "id" => id: Id<'a>,
        "type" => kind: Str<'a>,
        "function" => function: FunctionCall<'a>,
        "custom" => custom: Box<CustomCall<'a>>,
        "extra_content" => extra_content: Box<ExtraContent<'a>>,
    }
}

json_object! {
    struct CustomCall<'a> {
        "name" => name: Str<'a>,
        "input" => input: Wtf8<'a>,
    }
}

json_object! {
    struct ExtraContent<'a> {
        "google" => google: GoogleExtra<'a>,
    }
}

json_object! {
    struct GoogleExtra<'a> {
        "thought_signature" => thought_signature: Str<'a>,
    }
}

json_object! {
    /// OpenRouter's `reasoning_details` item: `reasoning.text`, `reasoning.summary`, `reasoning.encrypted`.
    struct Detail<'a> {
        "type" => kind: Str<'a>,
        "id" => id: Str<'a>,
        "text" => text: Wtf8<'a>,
        "summary" => summary: Wtf8<'a>,
        "data" => data: Str<'a>,
        "signature" => signature: Str<'a>,
        "format" => format: Str<'a>,
        "index" => index: Count,
    }
}

json_object! {
    struct Completion<'a> {
        "id" => id: Id<'a>,
        "object" => object: Str<'a>,
        "created" => created: Count,
        "model" => model: Str<'a>,
        "choices" => choices: Vec<Choice<'a>>,
        "usage" => usage: Box<Usage<'a>>,
        "service_tier" => service_tier: Str<'a>,
        "system_fingerprint" => system_fingerprint: Str<'a>,
        "error" => error: Raw<'a>,
        "message" => message: Raw<'a>,
    }
}

json_object! {
    /// A choice of an answer (`message`) or of a chunk (`delta`).
    struct Choice<'a> {
        "index" => index: Count,
        "message" => message: Box<Message<'a>>,
        "delta" => delta: Delta<'a>,
        "finish_reason" => finish_reason: Str<'a>,
        "logprobs" => logprobs: Box<Logprobs<'a>>,
    }
}

json_object! {
    struct Delta<'a> {
        "role" => role: Str<'a>,
        "content" => content: Wtf8<'a>,
        "refusal" => refusal: Wtf8<'a>,
        "audio" => audio: Box<Audio<'a>>,
        "function_call" => function_call: Box<FunctionCall<'a>>,
        "tool_calls" => tool_calls: Vec<ToolCall<'a>>,
        "annotations" => annotations: Vec<Raw<'a>>,
        "images" => images: Vec<Part<'a>>,
        "reasoning_content" => reasoning_content: Wtf8<'a>,
        "reasoning" => reasoning: Wtf8<'a>,
        "reasoning_details" => reasoning_details: Vec<Detail<'a>>,
    }
}

json_object! {
    struct Logprobs<'a> {
        "content" => content: Vec<Token<'a>>,
        "refusal" => refusal: Vec<Token<'a>>,
    }
}

json_object! {
    struct Token<'a> {
        "token" => token: Str<'a>,
        "logprob" => logprob: f64,
        "bytes" => bytes: Vec<u8>,
        "top_logprobs" => top_logprobs: Vec<Token<'a>>,
    }
}

json_object! {
    /// `prompt_cache_hit_tokens` is DeepSeek's, the outer `cached_tokens` Moonshot's.
    struct Usage<'a> {
        "prompt_tokens" => prompt_tokens: Count,
        "completion_tokens" => completion_tokens: Count,
        "total_tokens" => total_tokens: Count,
        "prompt_tokens_details" => prompt: PromptDetails<'a>,
        "completion_tokens_details" => completion: CompletionDetails<'a>,
    }
}

json_object! {
    struct PromptDetails<'a> {
        "cached_tokens" => cached: Count,
        "cache_write_tokens" => cache_write: Count,
        "audio_tokens" => audio: Count,
        "image_tokens" => image: Count,
        "text_tokens" => text: Count,
    }
}

json_object! {
    struct CompletionDetails<'a> {
        "reasoning_tokens" => reasoning: Count,
        "audio_tokens" => audio: Count,
        "accepted_prediction_tokens" => accepted_prediction: Count,
        "rejected_prediction_tokens" => rejected_prediction: Count,
    }
}

json_object! {
    struct Error<'a> {
        "message" => message: Str<'a>,
        "type" => kind: Str<'a>,
        "param" => param: Str<'a>,
        "code" => code: Id<'a>,
    }
}

json_object! {
    struct Annotation<'a> {
        "type" => kind: Str<'a>,
        "url_citation" => url_citation: UrlCitation<'a>,
    }
}

json_object! {
    struct UrlCitation<'a> {
        "url" => url: Str<'a>,
        "title" => title: Str<'a>,
        "content" => content: Str<'a>,
        "start_index" => start_index: Count,
        "end_index" => end_index: Count,
    }
}

/// Arguments of a call: JSON in a string. Some servers send the object itself.
#[derive(Debug)]
pub(crate) enum Arguments<'a> {
    Text(Wtf8<'a>),
    Object(Raw<'a>),
}

impl<'de: 'a, 'a> serde::Deserialize<'de> for Arguments<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let whole = Whole::<Wtf8<'a>>::deserialize(deserializer)?;
        let raw = whole.raw();
        if !raw.get().starts_with('"') {
            return Ok(Self::Object(raw));
        }
        whole.read().map(Self::Text).ok_or_else(|| serde::de::Error::custom("not a string"))
    }
}
