//! The objects of the Responses API as they stand on the wire.
//! Source: OpenAI API reference, "Responses" (types of the official Python SDK 3.5x). What decides its meaning by `type` stays raw here and is read by the module that knows it.
use crate::{
    canon::{Fields, Json},
    codec::{Count, Id, Raw, Said, Str, StrOrSeq, Whole, Wtf8, json_object},
};

/// A text, or items. A single item stands for a list of one, but is none of these.
pub(super) type Input<'a> = StrOrSeq<'a, Whole<'a, Item<'a>>>;

json_object! {
    /// `type` stands in WebSocket messages (`response.create`) only.
    struct Request<'a> {
        "type" => kind: Str<'a>,
        "model" => model: Str<'a>,
        "input" => input: Whole<'a, Input<'a>>,
        "messages" => messages: Whole<'a, Input<'a>>,
        "instructions" => instructions: Str<'a>,
        "include" => include: Vec<Str<'a>>,
        "max_output_tokens" => max_output_tokens: Count,
        "metadata" => metadata: Fields,
        "parallel_tool_calls" => parallel_tool_calls: bool,
        "presence_penalty" => presence_penalty: f64,
        "frequency_penalty" => frequency_penalty: f64,
        "previous_response_id" => previous_response_id: Str<'a>,
        "prompt_cache_key" => prompt_cache_key: Str<'a>,
        "prompt_cache_retention" => prompt_cache_retention: Str<'a>,
        "reasoning" => reasoning: ReasoningConfig<'a>,
        "safety_identifier" => safety_identifier: Str<'a>,
        "service_tier" => service_tier: Str<'a>,
        "store" => store: bool,
        "stream" => stream: bool,
        "stream_options" => stream_options: StreamOptions<'a>,
        "temperature" => temperature: f64,
        "text" => text: TextConfig<'a>,
        "tool_choice" => tool_choice: Raw<'a>,
        "tools" => tools: Vec<Raw<'a>>,
        "top_logprobs" => top_logprobs: u32,
        "top_p" => top_p: f64,
        "truncation" => truncation: Str<'a>,
        "user" => user: Str<'a>,
    }
}

json_object! {
    struct ReasoningConfig<'a> {
        "effort" => effort: Str<'a>,
        "summary" => summary: Str<'a>,
    }
}

json_object! {
    struct StreamOptions<'a> {
        "include_obfuscation" => include_obfuscation: bool,
    }
}

json_object! {
    struct TextConfig<'a> {
        "format" => format: Raw<'a>,
        "verbosity" => verbosity: Str<'a>,
    }
}

json_object! {
    struct Format<'a> {
        "type" => kind: Str<'a>,
        "name" => name: Str<'a>,
        "description" => description: Str<'a>,
        "schema" => schema: Json,
        "strict" => strict: bool,
    }
}

json_object! {
    /// A tool. Which fields count is said by `type`.
    struct Tool<'a> {
        "type" => kind: Str<'a>,
        "name" => name: Str<'a>,
        "description" => description: Str<'a>,
        "parameters" => parameters: Json,
        "strict" => strict: bool,
        "format" => format: CustomFormat<'a>,
    }
}

json_object! {
    struct CustomFormat<'a> {
        "type" => kind: Str<'a>,
        "syntax" => syntax: Str<'a>,
        "definition" => definition: Str<'a>,
    }
}

json_object! {
    /// An object of `tool_choice`, and of the list of allowed tools in it.
    struct Choose<'a> {
        "type" => kind: Str<'a>,
        "name" => name: Str<'a>,
        "mode" => mode: Str<'a>,
        "tools" => tools: Vec<Choose<'a>>,
    }
}

json_object! {
    /// An item of `input` or `output`. Which fields count is said by `type`.
    struct Item<'a> {
        "type" => kind: Str<'a>,
        "id" => id: Id<'a>,
        "role" => role: Str<'a>,
        "name" => name: Str<'a>,
        "namespace" => namespace: Str<'a>,
        "content" => content: StrOrSeq<'a, Whole<'a, Part<'a>>>,
        "call_id" => call_id: Id<'a>,
        "arguments" => arguments: Raw<'a>,
        "input" => input: Raw<'a>,
        "output" => output: Whole<'a, StrOrSeq<'a, Whole<'a, Part<'a>>>>,
        "summary" => summary: Vec<Segment<'a>>,
        "encrypted_content" => encrypted_content: Str<'a>,
    }
}

json_object! {
    /// `summary_text` or `reasoning_text`.
    struct Segment<'a> {
        "type" => kind: Str<'a>,
        "text" => text: Str<'a>,
    }
}

json_object! {
    /// A content part. Which fields count is said by `type`.
    struct Part<'a> {
        "type" => kind: Str<'a>,
        "text" => text: Said<'a>,
        "refusal" => refusal: Said<'a>,
        "annotations" => annotations: Vec<Raw<'a>>,
        "logprobs" => logprobs: Vec<Token<'a>>,
        "image_url" => image_url: Raw<'a>,
        "detail" => detail: Str<'a>,
        "file_id" => file_id: Str<'a>,
        "file_data" => file_data: Str<'a>,
        "file_url" => file_url: Str<'a>,
        "filename" => filename: Str<'a>,
        "input_audio" => input_audio: Box<InputAudio<'a>>,
    }
}

json_object! {
    /// Chat's form of `image_url`, which some clients carry over.
    struct ImageUrl<'a> {
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
    struct Annotation<'a> {
        "type" => kind: Str<'a>,
        "url" => url: Str<'a>,
        "title" => title: Str<'a>,
        "file_id" => file_id: Str<'a>,
        "filename" => filename: Str<'a>,
        "index" => index: Count,
        "start_index" => start_index: Count,
        "end_index" => end_index: Count,
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
    /// A Response. What only repeats the request stays in `rest`.
    struct Response<'a> {
        "id" => id: Id<'a>,
        "object" => object: Str<'a>,
        "created_at" => created_at: f64,
        "completed_at" => completed_at: Raw<'a>,
        "status" => status: Str<'a>,
        "model" => model: Str<'a>,
        "output" => output: Vec<Raw<'a>>,
        "usage" => usage: Usage<'a>,
        "error" => error: Raw<'a>,
        "incomplete_details" => incomplete_details: Incomplete<'a>,
        "service_tier" => service_tier: Str<'a>,
    }
}

json_object! {
    struct Incomplete<'a> {
        "reason" => reason: Str<'a>,
    }
}

json_object! {
    struct Usage<'a> {
        "input_tokens" => input_tokens: Count,
        "output_tokens" => output_tokens: Count,
        "total_tokens" => total_tokens: Count,
        "input_tokens_details" => input: InputDetails<'a>,
        "output_tokens_details" => output: OutputDetails<'a>,
    }
}

json_object! {
    struct InputDetails<'a> {
        "cached_tokens" => cached: Count,
        "cache_write_tokens" => cache_write: Count,
        "audio_tokens" => audio: Count,
        "image_tokens" => image: Count,
        "text_tokens" => text: Count,
    }
}

json_object! {
    struct OutputDetails<'a> {
        "reasoning_tokens" => reasoning: Count,
        "audio_tokens" => audio: Count,
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
    /// A stream event. Which fields count is said by `type`; `error` events carry their fields at the top or in `error`.
    struct Frame<'a> {
        "type" => kind: Str<'a>,
        "response" => response: Raw<'a>,
        "item" => item: Raw<'a>,
        "item_id" => item_id: Id<'a>,
        "output_index" => output_index: Count,
        "content_index" => content_index: Count,
        "summary_index" => summary_index: Count,
        "delta" => delta: Raw<'a>,
        "text" => text: Raw<'a>,
        "refusal" => refusal: Raw<'a>,
        "arguments" => arguments: Raw<'a>,
        "input" => input: Raw<'a>,
        "part" => part: Raw<'a>,
        "annotation" => annotation: Raw<'a>,
        "logprobs" => logprobs: Raw<'a>,
        "error" => error: Raw<'a>,
    }
}

/// A string as WTF-8; `None` for any other value.
pub(super) fn string(raw: Raw<'_>) -> Option<Wtf8<'_>> {
    raw.read()
}
