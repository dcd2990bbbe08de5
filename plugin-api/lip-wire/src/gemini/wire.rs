//! The objects of `generateContent` as they stand on the wire. Clients and proxies may spell every field in snake_case (protobuf's JSON rules).
//! Source: Gemini API reference, "Generating content" (v1beta, v1), and the types of the official Python SDK google-genai 3.6.
use std::{fmt, marker::PhantomData};

use crate::{
    canon::{Fields, Json},
    codec::{Count, Id, Raw, Rest, Said, Str, Whole, json_object},
};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};

/// A repeated message: a list, or a single object, as the API's own examples have it (`"contents": {"parts": {"text": "hi"}}`).
#[derive(Debug)]
pub(crate) struct Many<T>(pub(crate) Vec<T>);

impl<T> Default for Many<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> IntoIterator for Many<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Many<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Either<T> {
            type Value = Many<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array or an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(|one| Many(vec![one]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    items.push(item);
                }
                Ok(Many(items))
            }
        }
        deserializer.deserialize_any(Either(PhantomData))
    }
}

/// Unknown fields of an object of the API, in camelCase.
pub(crate) fn camel_fields(rest: Rest<'_>) -> Fields {
    rest.0.into_iter().map(|(key, raw)| (camel(key.as_str()), Json::from(raw))).collect()
}

/// `cached_content` → `cachedContent`. A key that begins or ends with `_`, or has two in a row, is no field of the API in another spelling: it
/// stays, or it could become a field that is there already.
pub(crate) fn camel(key: &str) -> String {
    if key.split('_').any(str::is_empty) {
        return key.to_owned();
    }
    let mut out = String::with_capacity(key.len());
    let mut words = key.split('_');
    out.push_str(words.next().unwrap_or_default());
    for word in words {
        let mut chars = word.chars();
        out.extend(chars.next().map(|first| first.to_ascii_uppercase()));
        out.push_str(chars.as_str());
    }
    out
}

json_object! {
    struct Request<'a> {
        "model" => model: Str<'a>,
        "contents" => contents: Many<Content<'a>>,
        "systemInstruction" | "system_instruction" => system: Raw<'a>,
        "tools" => tools: Many<Tool<'a>>,
        "toolConfig" | "tool_config" => tool_config: ToolConfig<'a>,
        "generationConfig" | "generation_config" => config: GenerationConfig<'a>,
        "serviceTier" | "service_tier" => service_tier: Str<'a>,
        "store" => store: bool,
    }
}

json_object! {
    struct Content<'a> {
        "role" => role: Str<'a>,
        "parts" => parts: Many<Part<'a>>,
    }
}

json_object! {
    /// A part: which of the kinds it is is said by the field that is there. Kinds without a field here (`toolCall` …) stand in `rest`.
    struct Part<'a> {
        "text" => text: Said<'a>,
        "thought" => thought: bool,
        "thoughtSignature" | "thought_signature" => signature: Str<'a>,
        "inlineData" | "inline_data" => inline: Box<Blob<'a>>,
        "fileData" | "file_data" => file: Box<FileData<'a>>,
        "functionCall" | "function_call" => call: Box<FunctionCall<'a>>,
        "functionResponse" | "function_response" => response: Box<FunctionResponse<'a>>,
        "executableCode" | "executable_code" => code: Raw<'a>,
        "codeExecutionResult" | "code_execution_result" => code_result: Raw<'a>,
    }
}

json_object! {
    struct Blob<'a> {
        "mimeType" | "mime_type" => mime: Str<'a>,
        "data" => data: Str<'a>,
        "displayName" | "display_name" => name: Str<'a>,
    }
}

json_object! {
    struct FileData<'a> {
        "mimeType" | "mime_type" => mime: Str<'a>,
        "fileUri" | "file_uri" => uri: Str<'a>,
        "displayName" | "display_name" => name: Str<'a>,
    }
}

json_object! {
    struct FunctionCall<'a> {
        "id" => id: Id<'a>,
        "name" => name: Str<'a>,
        "args" => args: Raw<'a>,
    }
}

json_object! {
    struct FunctionResponse<'a> {
        "id" => id: Id<'a>,
        "name" => name: Str<'a>,
        "response" => response: Whole<'a, Output<'a>>,
        "parts" => parts: Many<Part<'a>>,
    }
}

json_object! {
    /// The documented form of a response.
    struct Output<'a> {
        "output" => output: Said<'a>,
        "error" => error: Said<'a>,
    }
}

json_object! {
    struct GenerationConfig<'a> {
        "temperature" => temperature: f64,
        "topP" | "top_p" => top_p: f64,
        "topK" | "top_k" => top_k: Count,
        "maxOutputTokens" | "max_output_tokens" => max_output_tokens: Count,
        "stopSequences" | "stop_sequences" => stop: Vec<Str<'a>>,
        "candidateCount" | "candidate_count" => candidate_count: u32,
        "seed" => seed: i64,
        "presencePenalty" | "presence_penalty" => presence_penalty: f64,
        "frequencyPenalty" | "frequency_penalty" => frequency_penalty: f64,
        "responseLogprobs" | "response_logprobs" => response_logprobs: bool,
        "logprobs" => logprobs: u32,
        "responseMimeType" | "response_mime_type" => mime: Str<'a>,
        "responseSchema" | "response_schema" => schema: Raw<'a>,
        "responseJsonSchema" | "response_json_schema" | "_responseJsonSchema" => json_schema: Json,
        "responseModalities" | "response_modalities" => modalities: Vec<Str<'a>>,
        "thinkingConfig" | "thinking_config" => thinking: ThinkingConfig<'a>,
    }
}

json_object! {
    struct ThinkingConfig<'a> {
        "includeThoughts" | "include_thoughts" => include: bool,
        "thinkingBudget" | "thinking_budget" => budget: i64,
        "thinkingLevel" | "thinking_level" => level: Str<'a>,
    }
}

json_object! {
    /// A group of tools; everything but functions is the provider's own and stands in `rest`.
    struct Tool<'a> {
        "functionDeclarations" | "function_declarations" => functions: Many<FunctionDeclaration<'a>>,
    }
}

json_object! {
    struct FunctionDeclaration<'a> {
        "name" => name: Str<'a>,
        "description" => description: Str<'a>,
        "parameters" => parameters: Raw<'a>,
        "parametersJsonSchema" | "parameters_json_schema" => json_schema: Json,
    }
}

json_object! {
    struct ToolConfig<'a> {
        "functionCallingConfig" | "function_calling_config" => calling: Raw<'a>,
    }
}

json_object! {
    struct CallingConfig<'a> {
        "mode" => mode: Str<'a>,
        "allowedFunctionNames" | "allowed_function_names" => names: Vec<Str<'a>>,
    }
}

json_object! {
    /// An answer, or one frame of a streamed one.
    struct Response<'a> {
        "candidates" => candidates: Many<Candidate<'a>>,
        "promptFeedback" | "prompt_feedback" => feedback: Raw<'a>,
        "usageMetadata" | "usage_metadata" => usage: Box<Usage<'a>>,
        "modelVersion" | "model_version" => model: Str<'a>,
        "responseId" | "response_id" => id: Str<'a>,
        "createTime" | "create_time" => create_time: Str<'a>,
        "error" => error: Raw<'a>,
    }
}

json_object! {
    struct Candidate<'a> {
        "index" => index: Count,
        "content" => content: Content<'a>,
        "finishReason" | "finish_reason" => finish: Str<'a>,
        "finishMessage" | "finish_message" => message: Str<'a>,
        "citationMetadata" | "citation_metadata" => citations: Raw<'a>,
        "groundingMetadata" | "grounding_metadata" => grounding: Raw<'a>,
        "logprobsResult" | "logprobs_result" => logprobs: Box<LogprobsResult<'a>>,
    }
}

json_object! {
    struct PromptFeedback<'a> {
        "blockReason" | "block_reason" => reason: Str<'a>,
        "blockReasonMessage" | "block_reason_message" => message: Str<'a>,
    }
}

json_object! {
    struct LogprobsResult<'a> {
        "chosenCandidates" | "chosen_candidates" => chosen: Vec<TokenCandidate<'a>>,
        "topCandidates" | "top_candidates" => top: Vec<TopCandidates<'a>>,
    }
}

json_object! {
    struct TopCandidates<'a> {
        "candidates" => candidates: Vec<TokenCandidate<'a>>,
    }
}

json_object! {
    struct TokenCandidate<'a> {
        "token" => token: Str<'a>,
        "tokenId" | "token_id" => id: i64,
        "logProbability" | "log_probability" => logprob: f64,
    }
}

json_object! {
    struct Usage<'a> {
        "promptTokenCount" | "prompt_token_count" => prompt: Count,
        "candidatesTokenCount" | "candidates_token_count" => candidates: Count,
        "thoughtsTokenCount" | "thoughts_token_count" => thoughts: Count,
        "cachedContentTokenCount" | "cached_content_token_count" => cached: Count,
        "toolUsePromptTokenCount" | "tool_use_prompt_token_count" => tool_use: Count,
        "totalTokenCount" | "total_token_count" => total: Count,
        "promptTokensDetails" | "prompt_tokens_details" => prompt_details: Raw<'a>,
        "candidatesTokensDetails" | "candidates_tokens_details" => candidates_details: Raw<'a>,
    }
}

json_object! {
    struct ModalityCount<'a> {
        "modality" => modality: Str<'a>,
        "tokenCount" | "token_count" => count: Count,
    }
}

json_object! {
    struct Grounding<'a> {
        "groundingChunks" | "grounding_chunks" => chunks: Vec<Chunk<'a>>,
        "groundingSupports" | "grounding_supports" => supports: Vec<Support<'a>>,
    }
}

json_object! {
    struct Chunk<'a> {
        "web" => web: ChunkSource<'a>,
        "maps" => maps: ChunkSource<'a>,
        "retrievedContext" | "retrieved_context" => retrieved: ChunkSource<'a>,
    }
}

json_object! {
    struct ChunkSource<'a> {
        "uri" => uri: Str<'a>,
        "title" => title: Str<'a>,
    }
}

json_object! {
    struct Support<'a> {
        "segment" => segment: Segment<'a>,
        "groundingChunkIndices" | "grounding_chunk_indices" => chunks: Vec<Count>,
    }
}

json_object! {
    struct Segment<'a> {
        "startIndex" | "start_index" => start: Count,
        "endIndex" | "end_index" => end: Count,
        "partIndex" | "part_index" => part: Count,
        "text" => text: Str<'a>,
    }
}

json_object! {
    struct Citations<'a> {
        "citations" | "citationSources" | "citation_sources" => citations: Vec<Citation<'a>>,
    }
}

json_object! {
    struct Citation<'a> {
        "startIndex" | "start_index" => start: Count,
        "endIndex" | "end_index" => end: Count,
        "uri" => uri: Str<'a>,
        "title" => title: Str<'a>,
    }
}

json_object! {
    struct Error<'a> {
        "code" => code: Id<'a>,
        "message" => message: Str<'a>,
        "status" => status: Str<'a>,
        "details" => details: Raw<'a>,
    }
}

#[cfg(test)]
mod tests {
    use super::camel;

    #[test]
    fn only_snake_case_becomes_camel_case() {
        for (key, want) in [
            ("cached_content", "cachedContent"),
            ("parts", "parts"),
            ("camelCase", "camelCase"),
            ("a_b_c", "aBC"),
            ("parts_", "parts_"),
            ("_parts", "_parts"),
            ("a__b", "a__b"),
            ("_", "_"),
            ("", ""),
        ] {
            assert_eq!(camel(key), want);
        }
    }
}
