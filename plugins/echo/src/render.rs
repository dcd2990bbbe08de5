//! Writes answers as OpenAI chat completions and chunks. Pure.
//!
//! Source: platform.openai.com/docs/api-reference/chat/object and …/chat/streaming. `reasoning_content` is the field that
//! compatible servers use; OpenAI's own API has none.
use crate::answer::{Answer, Piece, Usage};
use lip_plugin::{Value, json};

/// Names one answer.
#[derive(Debug)]
pub(crate) struct Head {
    /// 16 hex digits, the same for the same request.
    pub(crate) hash: String,
    /// Seconds since 1970.
    pub(crate) created: u64,
    pub(crate) model: String,
    /// Chunks carry a `usage` field.
    pub(crate) include_usage: bool,
}

/// 16 hex digits that depend on `bytes` alone: FNV-1a by words of eight bytes, for a body may have megabytes.
pub(crate) fn hash(bytes: &[u8]) -> String {
    let (words, rest) = bytes.as_chunks::<8>();
    let step = |sum: u64, word: u64| (sum ^ word).wrapping_mul(0x0100_0000_01b3);
    let sum = words.iter().map(|word| u64::from_le_bytes(*word)).fold(0xcbf2_9ce4_8422_2325, step);
    format!("{:016x}", rest.iter().map(|byte| u64::from(*byte)).fold(sum, step))
}

fn usage(usage: Usage) -> Value {
    json!({
        "prompt_tokens": usage.sent,
        "completion_tokens": usage.got,
        "total_tokens": usage.sent + usage.got,
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    })
}

fn choice(kind: &str, said: &Value, finish: &Value) -> String {
    format!("{{\"index\":0,\"{kind}\":{said},\"logprobs\":null,\"finish_reason\":{finish}}}")
}

impl Head {
    fn call_id(&self, index: usize) -> String {
        format!("call_{}{index}", self.hash)
    }

    /// The fields that every object has, in the vendor's order.
    fn object(&self, kind: &str, choices: &str, usage: Option<&Value>) -> String {
        let (id, created, model) = (&self.hash, self.created, Value::from(self.model.as_str()));
        let usage = usage.map(|usage| format!(",\"usage\":{usage}")).unwrap_or_default();
        format!(
            "{{\"id\":\"chatcmpl-{id}\",\"object\":\"{kind}\",\"created\":{created},\"model\":{model},\
             \"choices\":[{choices}]{usage}}}"
        )
    }

    fn chunk(&self, choices: &str, usage: &Value) -> String {
        let usage = self.include_usage.then_some(usage);
        format!("data: {}\n\n", self.object("chat.completion.chunk", choices, usage))
    }

    fn delta(&self, delta: &Value, finish: &Value) -> String {
        self.chunk(&choice("delta", delta, finish), &Value::Null)
    }

    /// The first chunk: who speaks.
    pub(crate) fn opening(&self) -> String {
        self.delta(&json!({"role": "assistant", "content": "", "refusal": null}), &Value::Null)
    }

    /// One delta.
    pub(crate) fn piece(&self, piece: Piece<'_>) -> String {
        let delta = match piece {
            Piece::Reasoning(text) => json!({"reasoning_content": text}),
            Piece::Text(text) => json!({"content": text}),
            Piece::Call(index, name) => json!({"tool_calls": [{
                "index": index, "id": self.call_id(index), "type": "function", "function": {"name": name, "arguments": ""}
            }]}),
            Piece::Arguments(index, text) => {
                json!({"tool_calls": [{"index": index, "function": {"arguments": text}}]})
            }
        };
        self.delta(&delta, &Value::Null)
    }

    /// The last chunks: why it ends, the counts if asked for, the end mark.
    pub(crate) fn closing(&self, answer: &Answer) -> String {
        let mut frames = self.delta(&json!({}), &json!(answer.finish));
        if self.include_usage {
            frames += &self.chunk("", &usage(answer.usage));
        }
        frames + "data: [DONE]\n\n"
    }

    /// The answer that is not streamed.
    pub(crate) fn whole(&self, answer: &Answer) -> String {
        let content =
            if answer.text.is_empty() && !answer.tools.is_empty() { Value::Null } else { json!(answer.text) };
        let mut message =
            json!({"role": "assistant", "content": content, "refusal": null, "annotations": []});
        if !answer.reasoning.is_empty() {
            message["reasoning_content"] = json!(answer.reasoning);
        }
        if !answer.tools.is_empty() {
            let call = |(index, (name, arguments)): (usize, &(String, String))| json!({"id": self.call_id(index), "type": "function", "function": {"name": name, "arguments": arguments}});
            message["tool_calls"] = answer.tools.iter().enumerate().map(call).collect();
        }
        let choices = choice("message", &message, &json!(answer.finish));
        self.object("chat.completion", &choices, Some(&usage(answer.usage)))
    }
}
