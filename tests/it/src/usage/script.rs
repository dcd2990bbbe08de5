//! What happens to each of many turns, drawn from a seed; and providers that do it.
use crate::talk::{TONGUES, Tongue, asked_in};
use serde_json::{Value, json};
use stage::{Recorded, Reply};

/// Numbers that look random and are the same each time. Source: Marsaglia, "Xorshift RNGs".
pub(super) struct Dice(u64);

impl Dice {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

/// What a provider does with one turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    /// Answers, and says what it cost.
    Answers(Used),
    /// Answers without a word about usage.
    SaysNothing,
    /// Refuses it.
    Refuses(u16),
    /// Breaks off: a stream after its first output, another answer in its middle.
    Cuts(Used),
    /// Sends its first output, and then nothing any more.
    Holds(Used),
    /// Never answers.
    Silent,
}

/// Tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Used {
    pub(super) input: u64,
    pub(super) cached: u64,
    pub(super) output: u64,
    pub(super) reasoning: u64,
}

/// How the legs of a turn are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Single,
    /// The first leg refuses.
    Failover,
    Race,
    /// The client goes after the first output.
    Left,
}

/// One turn.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) shape: Shape,
    pub(super) tongue: Tongue,
    pub(super) stream: bool,
    /// Backends and what they do.
    pub(super) legs: Vec<(&'static str, Deed)>,
}

const BACKENDS: [&str; 4] = ["openai", "anthropic", "gemini", "openrouter"];

impl Plan {
    pub(super) fn drawn(dice: &mut Dice) -> Self {
        let pick = |dice: &mut Dice, n: usize| dice.below(n as u64) as usize;
        let shape = [Shape::Single, Shape::Single, Shape::Failover, Shape::Race, Shape::Left][pick(dice, 5)];
        let first = pick(dice, BACKENDS.len());
        let second = (first + 1 + pick(dice, BACKENDS.len() - 1)) % BACKENDS.len();
        let used = Used {
            input: 100 + dice.below(100_000),
            cached: dice.below(100),
            output: 50 + dice.below(5_000),
            reasoning: dice.below(50),
        };
        let ends = |dice: &mut Dice| match dice.below(8) {
            0 => Deed::SaysNothing,
            1 | 2 => Deed::Cuts(used),
            3 => Deed::Refuses([400, 403, 404, 429, 500, 503][pick(dice, 6)]),
            _ => Deed::Answers(used),
        };
        let good = |dice: &mut Dice| if dice.below(4) == 0 { Deed::SaysNothing } else { Deed::Answers(used) };
        let deeds = match shape {
            Shape::Single => vec![ends(dice)],
            // A model that is not there makes nobody rest.
            Shape::Failover => vec![Deed::Refuses(404), good(dice)],
            Shape::Race => match dice.below(2) {
                0 => vec![good(dice), Deed::Silent],
                _ => vec![Deed::Silent, good(dice)],
            },
            Shape::Left => vec![Deed::Holds(used)],
        };
        let legs = [first, second].map(|at| BACKENDS[at]).into_iter().zip(deeds).collect();
        let tongue = TONGUES[pick(dice, TONGUES.len())];
        Self { shape, tongue, stream: shape == Shape::Left || dice.below(2) == 0, legs }
    }

    /// The selector of the `n`th turn: its models have its number.
    pub(super) fn selector(&self, n: usize) -> String {
        let legs: Vec<String> = self.legs.iter().map(|(backend, _)| format!("{backend}:m-{n}")).collect();
        legs.join(if self.shape == Shape::Race { "!" } else { "|" })
    }

    /// What the provider of `backend` does.
    pub(super) fn deed(&self, backend: &str) -> Deed {
        self.legs.iter().find(|(own, _)| *own == backend).map_or(Deed::Silent, |(_, deed)| *deed)
    }
}

/// The number of the turn that a provider is asked for.
pub(super) fn number(request: &Recorded) -> Option<usize> {
    let model = request.json()["model"].as_str().map(str::to_owned);
    let model = model.unwrap_or_else(|| request.target.clone());
    let digits = model.split_once("m-")?.1;
    digits.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// The provider's answer.
pub(super) fn reply(request: &Recorded, deed: Deed) -> Reply {
    let tongue = asked_in(request);
    let streams = request.target.contains(":streamGenerateContent") || request.json()["stream"] == true;
    let (used, ends) = match deed {
        Deed::Silent => return Reply::silence(),
        Deed::Refuses(status) => return Reply::json(status, &refusal(tongue, status).to_string()),
        Deed::SaysNothing => (None, true),
        Deed::Answers(used) => (Some(used), true),
        Deed::Cuts(used) | Deed::Holds(used) => (Some(used), false),
    };
    if streams {
        let frames = stream(tongue, used);
        let (first, rest) = frames.split_at(match tongue {
            Tongue::Anthropic => 3,
            Tongue::Responses => 2,
            Tongue::Chat | Tongue::Gemini => 1,
        });
        let begun = Reply::events().send(first.concat());
        return match deed {
            Deed::Holds(_) => begun.then_silence(),
            Deed::Cuts(_) => begun.close(),
            _ => begun.send(rest.concat()).end(),
        };
    }
    let body = whole(tongue, used).to_string();
    match ends {
        true => Reply::json(200, &body),
        false => Reply::status(200)
            .header("Content-Type", "application/json")
            .length(body.len())
            .send(&body[..body.len() / 2])
            .close(),
    }
}

fn refusal(tongue: Tongue, status: u16) -> Value {
    match tongue {
        Tongue::Anthropic => json!({"type": "error", "error": {"type": "api_error", "message": "no"}}),
        Tongue::Gemini => json!({"error": {"code": status, "message": "no", "status": "UNKNOWN"}}),
        Tongue::Chat | Tongue::Responses => {
            json!({"error": {"message": "no", "type": "t", "param": null, "code": null}})
        }
    }
}

/// As the vendors count: see `events::tokens`.
fn usage(tongue: Tongue, Used { input, cached, output, reasoning }: Used) -> Value {
    match tongue {
        Tongue::Responses => {
            json!({"input_tokens": input, "output_tokens": output, "total_tokens": input + output,
            "input_tokens_details": {"cached_tokens": cached}, "output_tokens_details": {"reasoning_tokens": reasoning}})
        }
        Tongue::Chat => {
            json!({"prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output,
            "prompt_tokens_details": {"cached_tokens": cached}, "completion_tokens_details": {"reasoning_tokens": reasoning}})
        }
        Tongue::Anthropic => {
            json!({"input_tokens": input - cached, "cache_read_input_tokens": cached, "output_tokens": output})
        }
        Tongue::Gemini => json!({"promptTokenCount": input, "cachedContentTokenCount": cached,
            "candidatesTokenCount": output - reasoning, "thoughtsTokenCount": reasoning, "totalTokenCount": input + output}),
    }
}

fn whole(tongue: Tongue, used: Option<Used>) -> Value {
    let mut body = match tongue {
        Tongue::Responses => {
            json!({"id": "resp_1", "object": "response", "created_at": 1, "model": "m", "status": "completed",
            "output": [{"id": "msg_1", "type": "message", "role": "assistant", "status": "completed",
                "content": [{"type": "output_text", "text": "half", "annotations": []}]}]})
        }
        Tongue::Chat => {
            json!({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "half"}, "finish_reason": "stop"}]})
        }
        Tongue::Anthropic => json!({"id": "m", "type": "message", "role": "assistant", "model": "m",
            "content": [{"type": "text", "text": "half"}], "stop_reason": "end_turn", "stop_sequence": null}),
        Tongue::Gemini => json!({"candidates": [{"content": {"role": "model", "parts": [{"text": "half"}]},
            "finishReason": "STOP", "index": 0}], "modelVersion": "m"}),
    };
    if let Some(used) = used {
        body[if tongue == Tongue::Gemini { "usageMetadata" } else { "usage" }] = usage(tongue, used);
    }
    body
}

fn stream(tongue: Tongue, used: Option<Used>) -> Vec<String> {
    let chunk = |delta: Value, finish: Value| {
        json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
    };
    let events = match tongue {
        Tongue::Responses => vec![
            json!({"type": "response.created", "sequence_number": 0, "response": {"id": "resp_1", "object": "response", "status": "in_progress"}}),
            json!({"type": "response.output_text.delta", "sequence_number": 1, "item_id": "msg_1", "output_index": 0, "content_index": 0,
                "delta": "half"}),
            json!({"type": "response.completed", "sequence_number": 2, "response": whole(tongue, used)}),
        ],
        Tongue::Chat => {
            let mut events =
                vec![chunk(json!({"content": "half"}), Value::Null), chunk(json!({}), json!("stop"))];
            events.extend(used.map(|used| json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [],
                "usage": usage(tongue, used)})));
            events
        }
        Tongue::Anthropic => {
            let mut start = json!({"id": "m", "type": "message", "role": "assistant", "model": "m", "content": [],
                "stop_reason": null, "stop_sequence": null});
            let mut end =
                json!({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": null}});
            if let Some(used) = used {
                start["usage"] = usage(tongue, Used { output: 1, ..used });
                end["usage"] = json!({"output_tokens": used.output});
            }
            vec![
                json!({"type": "message_start", "message": start}),
                json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
                json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "half"}}),
                json!({"type": "content_block_stop", "index": 0}),
                end,
                json!({"type": "message_stop"}),
            ]
        }
        Tongue::Gemini => {
            let mut end = json!({"candidates": [{"content": {"role": "model", "parts": [{"text": "."}]}, "finishReason": "STOP", "index": 0}]});
            if let Some(used) = used {
                end["usageMetadata"] = usage(tongue, used);
            }
            vec![
                json!({"candidates": [{"content": {"role": "model", "parts": [{"text": "half"}]}, "index": 0}]}),
                end,
            ]
        }
    };
    let framed = |event: &Value| match event["type"].as_str() {
        Some(name) => format!("event: {name}\ndata: {event}\n\n"),
        None => format!("data: {event}\n\n"),
    };
    let mut frames: Vec<String> = events.iter().map(framed).collect();
    if tongue == Tongue::Chat {
        frames.push("data: [DONE]\n\n".to_owned());
    }
    frames
}
