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

/// 16 hex digits that depend on `bytes` alone (FNV-1a).
pub(crate) fn hash(bytes: &[u8]) -> String {
    let step = |sum: u64, byte: &u8| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    format!("{:016x}", bytes.iter().fold(0xcbf2_9ce4_8422_2325, step))
}

fn usage(usage: Usage) -> Value {
    json!({
        "prompt_tokens": usage.sent,
        "completion_tokens": usage.got,
        "total_tokens": usage.sent + usage.got,
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    })
}

impl Head {
    fn call_id(&self, index: usize) -> String {
        format!("call_{}{index}", self.hash)
    }

    fn frame(&self, choices: &Value, usage: &Value) -> String {
        let (id, created) = (&self.hash, self.created);
        let model = Value::from(self.model.as_str());
        let usage = if self.include_usage {
            format!(",\"usage\":{usage}")
        } else {
            String::new()
        };
        format!(
            "data: {{\"id\":\"chatcmpl-{id}\",\"object\":\"chat.completion.chunk\",\"created\":{created},\"model\":{model},\
             \"choices\":{choices}{usage}}}\n\n"
        )
    }

    fn delta(&self, delta: &Value, finish: &Value) -> String {
        let choices = json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}]);
        self.frame(&choices, &Value::Null)
    }

    /// The first chunk: who speaks.
    pub(crate) fn opening(&self) -> String {
        self.delta(
            &json!({"role": "assistant", "content": "", "refusal": null}),
            &Value::Null,
        )
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
            frames += &self.frame(&json!([]), &usage(answer.usage));
        }
        frames + "data: [DONE]\n\n"
    }

    /// The answer that is not streamed.
    pub(crate) fn whole(&self, answer: &Answer) -> Value {
        let content = if answer.text.is_empty() && !answer.tools.is_empty() {
            Value::Null
        } else {
            json!(answer.text)
        };
        let mut message =
            json!({"role": "assistant", "content": content, "refusal": null, "annotations": []});
        if !answer.reasoning.is_empty() {
            message["reasoning_content"] = json!(answer.reasoning);
        }
        if !answer.tools.is_empty() {
            let call = |(index, (name, arguments)): (usize, &(String, String))| json!({"id": self.call_id(index), "type": "function", "function": {"name": name, "arguments": arguments}});
            message["tool_calls"] = answer.tools.iter().enumerate().map(call).collect();
        }
        json!({
            "id": format!("chatcmpl-{}", self.hash),
            "object": "chat.completion",
            "created": self.created,
            "model": self.model,
            "choices": [{"index": 0, "message": message, "logprobs": null, "finish_reason": answer.finish}],
            "usage": usage(answer.usage),
        })
    }
}
