//! The objects of the Messages API as they stand on the wire.
//! Source: Anthropic API reference, "Messages", version 2023-06-01 and its betas (types of the official Python SDK 2.14).
use crate::{
    canon::Json,
    codec::{Count, Id, Raw, Said, Str, StrOrSeq, Whole, Wtf8, json_object},
};

/// A string, or content blocks. One that cannot be read may be of a kind that is not known.
pub(super) type Blocks<'a> = StrOrSeq<'a, Whole<'a, Block<'a>>>;

json_object! {
    struct Request<'a> {
        "model" => model: Str<'a>,
        "messages" => messages: Vec<Message<'a>>,
        "cache_control" => cache_control: Box<CacheControl<'a>>,
        "max_tokens" | "max_output_tokens" => max_tokens: Count,
        "metadata" => metadata: Metadata<'a>,
        "output_config" => output_config: OutputConfig<'a>,
        "output_format" => output_format: Raw<'a>,
        "service_tier" => service_tier: Str<'a>,
        "stop_sequences" => stop_sequences: Vec<Str<'a>>,
        "stream" => stream: bool,
        "system" => system: Blocks<'a>,
        "temperature" => temperature: f64,
        "thinking" => thinking: Thinking<'a>,
        "tool_choice" => tool_choice: Raw<'a>,
        "tools" => tools: Vec<Whole<'a, Tool<'a>>>,
        "top_k" => top_k: Count,
        "top_p" => top_p: f64,
    }
}

json_object! {
    struct Message<'a> {
        "role" => role: Str<'a>,
        "content" => content: Blocks<'a>,
    }
}

json_object! {
    struct CacheControl<'a> {
        "type" => kind: Str<'a>,
        "ttl" => ttl: Str<'a>,
    }
}

json_object! {
    struct Metadata<'a> {
        "user_id" => user_id: Str<'a>,
    }
}

json_object! {
    struct OutputConfig<'a> {
        "effort" => effort: Str<'a>,
        "format" => format: Raw<'a>,
    }
}

json_object! {
    struct Format<'a> {
        "type" => kind: Str<'a>,
        "schema" => schema: Json,
    }
}

json_object! {
    struct Thinking<'a> {
        "type" => kind: Str<'a>,
        "budget_tokens" => budget_tokens: i64,
        "display" => display: Str<'a>,
    }
}

json_object! {
    /// What says of which kind a block, tool or delta is.
    struct Kind<'a> {
        "type" => kind: Str<'a>,
    }
}

json_object! {
    /// A content block of any known kind.
    struct Block<'a> {
        "type" => kind: Str<'a>,
        "cache_control" => cache_control: Box<CacheControl<'a>>,
        "citations" => citations: Raw<'a>,
        "content" => content: Whole<'a, Blocks<'a>>,
        "data" => data: Str<'a>,
        "id" => id: Id<'a>,
        "input" => input: Raw<'a>,
        "is_error" => is_error: bool,
        "name" => name: Str<'a>,
        "signature" => signature: Str<'a>,
        "source" => source: Raw<'a>,
        "text" => text: Said<'a>,
        "thinking" => thinking: Str<'a>,
        "title" => title: Str<'a>,
        "tool_use_id" => tool_use_id: Id<'a>,
    }
}

json_object! {
    /// Source of an image or document.
    struct Source<'a> {
        "type" => kind: Str<'a>,
        "content" => content: Blocks<'a>,
        "data" => data: Str<'a>,
        "file_id" => file_id: Str<'a>,
        "media_type" => media_type: Str<'a>,
        "url" => url: Str<'a>,
    }
}

json_object! {
    /// A citation of any kind; only what others understand.
    struct Citation<'a> {
        "cited_text" => cited_text: Str<'a>,
        "document_title" => document_title: Str<'a>,
        "file_id" => file_id: Str<'a>,
        "source" => source: Str<'a>,
        "title" => title: Str<'a>,
        "url" => url: Str<'a>,
    }
}

json_object! {
    /// A tool with a schema of the client.
    struct Tool<'a> {
        "type" => kind: Str<'a>,
        "cache_control" => cache_control: Box<CacheControl<'a>>,
        "description" => description: Str<'a>,
        "input_schema" => input_schema: Json,
        "name" => name: Str<'a>,
        "strict" => strict: bool,
    }
}

json_object! {
    struct ToolChoice<'a> {
        "type" => kind: Str<'a>,
        "disable_parallel_tool_use" => disable_parallel: bool,
        "name" => name: Str<'a>,
    }
}

json_object! {
    /// A whole answer, the message of `message_start`, or an error body.
    struct Answer<'a> {
        "type" => kind: Str<'a>,
        "content" => content: Vec<Whole<'a, Block<'a>>>,
        "error" => error: Raw<'a>,
        "id" => id: Id<'a>,
        "model" => model: Str<'a>,
        "role" => role: Str<'a>,
        "stop_details" => stop_details: Raw<'a>,
        "stop_reason" => stop_reason: Str<'a>,
        "stop_sequence" => stop_sequence: Str<'a>,
        "usage" => usage: Usage<'a>,
    }
}

json_object! {
    struct StopDetails<'a> {
        "explanation" => explanation: Str<'a>,
    }
}

json_object! {
    struct Usage<'a> {
        "cache_creation" => cache_creation: CacheCreation<'a>,
        "cache_creation_input_tokens" => cache_write: Count,
        "cache_read_input_tokens" => cache_read: Count,
        "input_tokens" => input: Count,
        "output_tokens" => output: Count,
        "output_tokens_details" => details: OutputDetails<'a>,
        "service_tier" => service_tier: Str<'a>,
    }
}

json_object! {
    struct CacheCreation<'a> {
        "ephemeral_1h_input_tokens" => hour: Count,
        "ephemeral_5m_input_tokens" => minutes: Count,
    }
}

json_object! {
    struct OutputDetails<'a> {
        "thinking_tokens" => thinking: Count,
    }
}

json_object! {
    /// One frame of a stream.
    struct Frame<'a> {
        "type" => kind: Str<'a>,
        "content_block" => content_block: Whole<'a, Block<'a>>,
        "delta" => delta: Whole<'a, Delta<'a>>,
        "error" => error: Raw<'a>,
        "index" => index: Count,
        "message" => message: Box<Answer<'a>>,
        "usage" => usage: Box<Usage<'a>>,
    }
}

json_object! {
    /// `delta` of `content_block_delta`. Its texts may end in half a surrogate pair.
    struct Delta<'a> {
        "type" => kind: Str<'a>,
        "citation" => citation: Raw<'a>,
        "partial_json" => partial_json: Wtf8<'a>,
        "signature" => signature: Str<'a>,
        "text" => text: Wtf8<'a>,
        "thinking" => thinking: Wtf8<'a>,
    }
}

json_object! {
    /// `delta` of `message_delta`.
    struct MessageDelta<'a> {
        "stop_details" => stop_details: Raw<'a>,
        "stop_reason" => stop_reason: Str<'a>,
        "stop_sequence" => stop_sequence: Str<'a>,
    }
}

json_object! {
    struct Error<'a> {
        "type" => kind: Str<'a>,
        "message" => message: Str<'a>,
    }
}
