//! A canonical request as Kiro's conversation state: a history that alternates between user and assistant, and the current message with
//! tools and results. There is no place for instructions but in front of the first message.
use super::effort::Wish;
use history::History;
use lip_plugin::canon::{Request, shape};
use lip_plugin::{Error, Result, Value, json, login, serde_json};
use tools::Tools;

mod history;
mod media;
mod schema;
mod tools;

pub(crate) use tools::Names;

/// What a conversation is known by.
#[derive(Debug)]
pub(crate) struct Ids {
    /// The same for all turns of a conversation: the provider's prompt cache may be keyed by it.
    pub(crate) conversation: String,
    /// Of this turn of the user.
    pub(crate) turn: String,
}

impl Ids {
    /// Derived from what the host knows: a connector has no randomness of its own.
    pub(crate) fn of(session: &str, body: &[u8], now_ms: u64) -> Self {
        let body = login::hex(&login::sha256(body));
        // Where nothing is known of the conversation, it is this turn alone.
        let conversation = if session.is_empty() { &body } else { session };
        Self {
            conversation: login::uuid_of(conversation),
            turn: login::uuid_of(&format!("{body} {now_ms} {session}")),
        }
    }
}

/// What the state is made with.
#[derive(Debug)]
pub(crate) struct With<'a> {
    pub(crate) model: &'a str,
    pub(crate) origin: &'a str,
    pub(crate) ids: &'a Ids,
    pub(crate) wish: &'a Wish,
    /// Reasoning of earlier turns goes along, as far as it is signed.
    pub(crate) reasoning: bool,
}

/// A conversation state, and what is to be known of the answer.
#[derive(Debug)]
pub(crate) struct State {
    /// JSON.
    pub(crate) text: String,
    pub(crate) names: Names,
    /// Bytes of `text` that are images.
    pub(crate) image_bytes: usize,
    /// Did reasoning of earlier turns go along?
    pub(crate) has_reasoning: bool,
    /// What of the request has no place here, for the turn's trace.
    pub(crate) notes: Vec<String>,
}

/// Makes the state.
///
/// # Errors
/// `bad_request` for a request without a message.
pub(crate) fn state(request: &Request, with: &With<'_>) -> Result<State> {
    let mut notes = unplaced(request);
    let hoisted = shape::hoist(request);
    let mut tools = Tools::of(request, &mut notes);
    let mut history = History::new(request, with.reasoning);
    for side in shape::alternate(&hoisted.turns) {
        history.side(&side, &mut tools, &mut notes);
    }
    let instructions: Vec<&str> = hoisted.instructions.iter().filter_map(|part| part.as_text()).collect();
    let mut front = instructions.join("\n\n");
    if let Some(prefix) = with.wish.prefix() {
        front = if front.is_empty() { prefix } else { format!("{prefix}\n{front}") };
    }
    let Some(done) = history.finish(&front, &mut notes) else {
        return Err(Error::bad_request("the request holds no message").param("turns"));
    };
    let user = |message: &history::User, tools: Option<Value>| message.json(with.model, with.origin, tools);
    let past: Vec<Value> = done
        .past
        .iter()
        .flat_map(|(asked, answered)| {
            [json!({"userInputMessage": user(asked, None)}), json!({"assistantResponseMessage": answered})]
        })
        .collect();
    let mut state = json!({
        "conversationId": with.ids.conversation, "chatTriggerType": "MANUAL", "agentTaskType": "vibe",
        "agentContinuationId": with.ids.turn,
        "currentMessage": {"userInputMessage": user(&done.current, tools.json())},
    });
    if let Value::Object(object) = &mut state
        && !past.is_empty()
    {
        object.insert("history".to_owned(), past.into());
    }
    Ok(State {
        text: serde_json::to_string(&state)?,
        names: tools.into_names(),
        image_bytes: done.image_bytes,
        has_reasoning: done.has_reasoning,
        notes,
    })
}

/// Wishes that Kiro has no field for.
fn unplaced(request: &Request) -> Vec<String> {
    let sampling = &request.sampling;
    let wishes = [
        ("temperature", sampling.temperature.is_some()),
        ("top_p", sampling.top_p.is_some()),
        ("top_k", sampling.top_k.is_some()),
        ("stop texts", !sampling.stop.is_empty()),
        ("seed", sampling.seed.is_some()),
        ("penalties", sampling.presence_penalty.is_some() || sampling.frequency_penalty.is_some()),
        ("logprobs", sampling.logprobs == Some(true)),
        ("more than one answer", sampling.n.is_some_and(|n| n > 1)),
        (
            "an output format",
            request.format.as_ref().is_some_and(|f| *f != lip_plugin::canon::OutputFormat::Text),
        ),
    ];
    let names: Vec<&str> = wishes.iter().filter(|(_, is)| *is).map(|(name, _)| *name).collect();
    if names.is_empty() { Vec::new() } else { vec![format!("Kiro has no place for: {}", names.join(", "))] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_stay_with_the_conversation_and_change_with_the_turn() {
        let (a, b) = (Ids::of("s", b"1", 1), Ids::of("s", b"2", 1));
        assert_eq!(a.conversation, b.conversation);
        assert_ne!(a.turn, b.turn);
        assert_ne!(Ids::of("s", b"1", 2).turn, a.turn);
        assert_ne!(Ids::of("t", b"1", 1).conversation, a.conversation);
        assert_ne!(Ids::of("", b"1", 1).conversation, Ids::of("", b"2", 1).conversation);
        let groups: Vec<usize> = a.turn.split('-').map(str::len).collect();
        assert_eq!(groups, [8, 4, 4, 4, 12]);
        assert_eq!(a.turn.as_bytes()[14], b'5');
        assert!(b"89ab".contains(&a.turn.as_bytes()[19]));
    }
}
