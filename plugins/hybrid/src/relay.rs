//! The second phase's answer on its way to the client: its reasoning stays out, its parts follow those that were shown already.
//! Works on canonical events (dialect `lip`).
use crate::filter::Filter;
use crate::usage::Counts;
use lip_plugin::{Value, json};
use std::collections::BTreeMap;

/// Choice and part.
type Place = (u64, u64);

/// What the client has seen before the second phase, and what it is told at the end.
#[derive(Debug, Default)]
pub(crate) struct Before {
    /// The head of the answer has been sent.
    pub(crate) is_started: bool,
    /// Parts of the first choice that have been sent.
    pub(crate) parts: u64,
    /// The client's dialect.
    pub(crate) dialect: String,
    /// What the first phase cost; null when there is nothing to tell.
    pub(crate) cost: Value,
    /// The model of this phase.
    pub(crate) model: String,
}

/// Turns the events of one phase into those for the client.
#[derive(Debug)]
pub(crate) struct Relay {
    before: Before,
    /// Where each part goes; `None`: nowhere.
    places: BTreeMap<Place, Option<u64>>,
    next: BTreeMap<u64, u64>,
    filters: BTreeMap<Place, Filter>,
    counts: Counts,
    is_over: bool,
}

impl Relay {
    pub(crate) fn new(before: Before) -> Self {
        let next = BTreeMap::from([(0, before.parts)]);
        let (places, filters, counts) = Default::default();
        Self { before, places, next, filters, counts, is_over: false }
    }

    /// Has the answer ended?
    pub(crate) const fn is_over(&self) -> bool {
        self.is_over
    }

    /// Takes one event and appends what it becomes.
    pub(crate) fn event(&mut self, event: Value, out: &mut Vec<Value>) {
        let name = match &event {
            Value::Object(one) => one.keys().next().cloned().unwrap_or_default(),
            Value::String(name) => name.clone(),
            _ => return,
        };
        if name.is_empty() {
            return;
        }
        match name.as_str() {
            "start" => {
                self.counts.merge(event.pointer("/start/usage"));
                if !std::mem::replace(&mut self.before.is_started, true) {
                    out.push(event);
                }
            }
            "usage" => self.counts.merge(event.get("usage")),
            "end" => {
                out.extend(self.usage().map(|usage| json!({"usage": usage})));
                out.push(event);
                self.is_over = true;
            }
            "failed" => {
                out.push(event);
                self.is_over = true;
            }
            "part_start" => self.part_start(event, out),
            "part_end" => {
                self.flush(&event, out);
                self.moved("part_end", event, out);
            }
            "text" => self.text(event, out),
            name => self.moved(name, event, out),
        }
    }

    /// What the answer cost, with the part of each phase.
    fn usage(&self) -> Option<Value> {
        let Before { cost, model, dialect, .. } = &self.before;
        if cost.is_null() {
            return (!self.counts.is_empty()).then(|| self.counts.clone().into_value());
        }
        let phases = json!({"reasoning": cost, "execution": self.counts.told(model)});
        Some(self.counts.with_phases(&phases, dialect))
    }

    fn part_start(&mut self, mut event: Value, out: &mut Vec<Value>) {
        let Some(place) = place(event.pointer("/part_start/at")) else { return };
        let content = event.pointer("/part_start/part/content").and_then(Value::as_object);
        let kind = content.and_then(|content| content.keys().next()).map_or("text", String::as_str);
        if kind == "reasoning" {
            self.places.insert(place, None);
            return;
        }
        if kind == "text" {
            let mut filter = Filter::default();
            if let Some(Value::String(text)) = event.pointer_mut("/part_start/part/content/text/text") {
                *text = filter.push(text);
            }
            self.filters.insert(place, filter);
        }
        let next = self.next.entry(place.0).or_default();
        self.places.insert(place, Some(*next));
        *next += 1;
        self.moved("part_start", event, out);
    }

    fn text(&mut self, mut event: Value, out: &mut Vec<Value>) {
        let filter = place(event.pointer("/text/at")).and_then(|place| self.filters.get_mut(&place));
        if let (Some(filter), Some(Value::String(text))) = (filter, event.pointer_mut("/text/text")) {
            *text = filter.push(text);
            if text.is_empty() {
                return;
            }
        }
        self.moved("text", event, out);
    }

    fn flush(&mut self, event: &Value, out: &mut Vec<Value>) {
        let Some(at) = event.pointer("/part_end/at") else { return };
        let text =
            place(Some(at)).and_then(|place| self.filters.remove(&place)).map(|mut filter| filter.finish());
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            self.moved("text", json!({"text": {"at": at, "text": text}}), out);
        }
    }

    /// The event at its part's new place; gone with a part that is left out.
    fn moved(&self, name: &str, mut event: Value, out: &mut Vec<Value>) {
        let inner = event.get_mut(name);
        let at = inner.and_then(|inner| {
            let has_place = inner.get("at").is_some_and(Value::is_object);
            if has_place {
                inner.get_mut("at")
            } else {
                Some(inner).filter(|inner| inner.get("part").is_some_and(Value::is_u64))
            }
        });
        if let Some(at) = at {
            let target = place(Some(&*at)).and_then(|place| self.places.get(&place));
            match target {
                Some(Some(part)) => at["part"] = json!(part),
                Some(None) | None => return,
            }
        }
        out.push(event);
    }
}

fn place(at: Option<&Value>) -> Option<Place> {
    let number = |key: &str| at.and_then(|at| at.get(key)).and_then(Value::as_u64);
    Some((number("choice").unwrap_or_default(), number("part")?))
}

/// A whole answer of the second phase, with the reasoning of the first.
pub(crate) fn whole(mut reply: Value, reasoning: &str, before: &Before) -> Value {
    let choices = reply.get_mut("choices").and_then(Value::as_array_mut);
    for (n, choice) in choices.into_iter().flatten().enumerate() {
        let Some(parts) = choice.get_mut("parts").and_then(Value::as_array_mut) else { continue };
        parts.retain(|part| part.pointer("/content/reasoning").is_none());
        for text in parts.iter_mut().filter_map(|part| part.pointer_mut("/content/text/text")) {
            let mut filter = Filter::default();
            let shown = text.as_str().map(|text| filter.push(text) + &filter.finish());
            *text = Value::from(shown.unwrap_or_default());
        }
        if n == 0 {
            parts.insert(0, json!({"content": {"reasoning": {"text": [reasoning]}}}));
        }
    }
    let mut counts = Counts::default();
    counts.merge(reply.get("usage"));
    if let Some(reply) = reply.as_object_mut() {
        let phases = json!({"reasoning": before.cost, "execution": counts.told(&before.model)});
        reply.insert("usage".to_owned(), counts.with_phases(&phases, &before.dialect));
    }
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relayed(before: Before, events: &[Value]) -> Vec<Value> {
        let mut relay = Relay::new(before);
        let mut out = Vec::new();
        events.iter().for_each(|event| relay.event(event.clone(), &mut out));
        assert!(relay.is_over());
        out
    }

    #[test]
    fn parts_follow_what_was_shown_and_reasoning_stays_out() {
        let before = Before {
            is_started: true,
            parts: 1,
            dialect: "gemini".into(),
            cost: json!({"model": "a:x"}),
            model: "b:y".into(),
        };
        let call = json!({"content": {"tool_call": {"id": "c", "name": "ls", "arguments": "<think>"}}});
        let events = [
            json!({"start": {"id": "2", "usage": {"input": 7}}}),
            json!({"part_start": {"at": {"part": 0}, "part": {"content": {"reasoning": {}}}}}),
            json!({"reasoning": {"at": {"part": 0}, "kind": "text", "text": "hm"}}),
            json!({"native": {"dialect": "gemini", "at": {"part": 0}, "name": null, "raw": 1}}),
            json!({"part_end": {"at": {"part": 0}}}),
            json!({"part_start": {"at": {"part": 1}, "part": {"content": {"text": {"text": ""}}}}}),
            json!({"text": {"at": {"part": 1}, "text": "<"}}),
            json!({"text": {"at": {"part": 1}, "text": "think>x</think>Hi <"}}),
            json!({"logprobs": {"choice": 0, "part": 1, "tokens": []}}),
            json!({"part_end": {"at": {"part": 1}}}),
            json!({"part_start": {"at": {"part": 2}, "part": call}}),
            json!({"arguments": {"at": {"part": 2}, "text": "<think>a</think>"}}),
            json!({"part_end": {"at": {"part": 2}}}),
            json!("ping"),
            json!({"usage": {"output": 3}}),
            json!({"stop": {"choice": 0, "stop": {"reason": "tool_use"}}}),
            json!("end"),
        ];
        let phases = json!({"reasoning": {"model": "a:x"}, "execution": {"model": "b:y", "input_tokens": 7, "output_tokens": 3}});
        let want = [
            json!({"part_start": {"at": {"part": 1}, "part": {"content": {"text": {"text": ""}}}}}),
            json!({"text": {"at": {"part": 1}, "text": "Hi "}}),
            json!({"logprobs": {"choice": 0, "part": 1, "tokens": []}}),
            json!({"text": {"at": {"part": 1}, "text": "<"}}),
            json!({"part_end": {"at": {"part": 1}}}),
            json!({"part_start": {"at": {"part": 2}, "part": call}}),
            json!({"arguments": {"at": {"part": 2}, "text": "<think>a</think>"}}),
            json!({"part_end": {"at": {"part": 2}}}),
            json!("ping"),
            json!({"stop": {"choice": 0, "stop": {"reason": "tool_use"}}}),
            json!({"usage": {"input": 7, "output": 3, "extensions": {"gemini": {"hybrid": phases}, "lip": {"hybrid": phases}}}}),
            json!("end"),
        ];
        assert_eq!(relayed(before, &events), want);
    }

    #[test]
    fn without_a_first_phase_nothing_changes() {
        let events = [
            json!({"start": {}}),
            json!({"part_start": {"at": {"choice": 1, "part": 0}, "part": {"content": {"text": {"text": "a"}}}}}),
            json!({"part_end": {"at": {"choice": 1, "part": 0}}}),
            json!({"stop": {"choice": 1, "stop": {"reason": "end"}}}),
            json!("end"),
        ];
        assert_eq!(relayed(Before::default(), &events), events);
    }

    #[test]
    fn garbage_is_passed_by() {
        let mut relay = Relay::new(Before::default());
        let mut out = Vec::new();
        for event in [
            json!(7),
            json!([]),
            json!({}),
            json!({"text": 7}),
            json!({"part_start": {}}),
            json!({"text": {"at": {"part": 9}}}),
        ] {
            relay.event(event, &mut out);
        }
        assert!(
            out.len() <= 1 && !relay.is_over(),
            "what has no place cannot be moved, all else is dropped: {out:?}"
        );
    }
}
