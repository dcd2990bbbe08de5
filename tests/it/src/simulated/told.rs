//! What is told of turns: however one ends, it is told of once, with what was tried and what the upstreams said that it cost.
use super::{TURN, World, chat, s};
use crate::talk::says;
use events::attempt::{Attempt, AttemptOutcome, Role};
use events::tokens::Tokens;
use events::turn::{Outcome, TurnEnded, TurnId, What};
use events::witness::{Keeping, UnderWay, Witness};
use serde_json::json;
use stage::{Answer, Call, Recorded, Reply};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Remembers all that was told.
#[derive(Debug, Default)]
pub(super) struct Seen {
    began: Mutex<Vec<TurnId>>,
    ended: Mutex<Vec<Arc<TurnEnded>>>,
    /// How long it takes to keep what it is told; none: it keeps nothing.
    keeps_in: Option<Duration>,
}

impl Witness for Seen {
    fn turn_began(&self, turn: &Arc<dyn UnderWay>) {
        self.began.lock().expect("a lock").push(turn.began().id);
    }

    fn turn_ended(&self, turn: &Arc<TurnEnded>) {
        self.ended.lock().expect("a lock").push(Arc::clone(turn));
    }

    fn keeps(&self) -> bool {
        self.keeps_in.is_some()
    }

    fn keep(&self, turn: &Arc<TurnEnded>) -> Option<Keeping> {
        self.turn_ended(turn);
        self.keeps_in.map(|time| Keeping::new(tokio::time::sleep(time)))
    }
}

impl Seen {
    /// One that takes so long to keep what it is told.
    pub(super) fn keeping(keeps_in: Duration) -> Self {
        Self { keeps_in: Some(keeps_in), ..Self::default() }
    }

    /// The turns that have ended, each of which had begun, once.
    pub(super) fn ended(&self) -> Vec<Arc<TurnEnded>> {
        let ended = self.ended.lock().expect("a lock").clone();
        let mut ids: Vec<TurnId> = ended.iter().map(|turn| turn.turn.id).collect();
        let mut began = self.began.lock().expect("a lock").clone();
        began.sort_unstable();
        ids.sort_unstable();
        assert_eq!(ids, began, "every turn that began was told of at its end, once");
        ended
    }

    /// The only turn.
    pub(super) fn only(&self) -> Arc<TurnEnded> {
        let mut ended = self.ended();
        assert_eq!(ended.len(), 1, "{ended:#?}");
        ended.remove(0)
    }
}

/// `backend outcome` of each attempt.
fn tried(turn: &TurnEnded) -> Vec<String> {
    let word = |attempt: &Attempt| format!("{} {}", attempt.backend, attempt.outcome.name());
    turn.attempts.iter().map(word).collect()
}

const fn tokens(input: u64, output: u64) -> Tokens {
    Tokens {
        input: Some(input),
        output: Some(output),
        cached_input: None,
        cache_write: None,
        reasoning: None,
    }
}

pub(super) const OUTPUT: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"half\"}}]}\n\n";
pub(super) const REST: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":null}\n\n\
    data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":5,\"prompt_tokens_details\":{\"cached_tokens\":4},\
    \"completion_tokens_details\":{\"reasoning_tokens\":2}}}\n\ndata: [DONE]\n\n";
const ALL: Tokens =
    Tokens { input: Some(9), output: Some(5), cached_input: Some(4), cache_write: None, reasoning: Some(2) };

/// One turn after which nothing more happens.
async fn told(world: &World, call: Call) -> (Answer, Arc<TurnEnded>) {
    let mut connection = world.connect();
    connection.write(&call.header("connection", "close")).await;
    let answer = connection.answer().await;
    (answer, world.seen.only())
}

#[tokio::test(start_paused = true)]
async fn good_turn_is_told_with_its_tokens_times_and_sizes() {
    for (path, stream) in [
        ("/v1/chat/completions", true),
        ("/v1/messages", true),
        ("/v1/responses", true),
        ("/v1/chat/completions", false),
        ("/v1/messages", false),
    ] {
        let world = World::new("http", |_| {});
        world.network.provider("bad.test", move |request| match stream {
            true => Reply::events()
                .pause(s(2))
                .send(OUTPUT)
                .pause(s(3))
                .send(&REST[..170])
                .send(&REST[170..])
                .end(),
            false => Reply::nothing().pause(s(2)).then(says(request, "yes")),
        });
        let said = if path == "/v1/responses" { "input" } else { "messages" };
        let body = json!({"model": "openai:m", "stream": stream, "max_tokens": 9,
            said: [{"role": "user", "content": "hi"}]});
        let (answer, turn) = told(&world, Call::post(path, body.to_string())).await;
        assert_eq!((answer.status, turn.status, &turn.outcome), (200, 200, &Outcome::Answered));
        assert_eq!(tried(&turn), ["openai answered"]);
        assert_eq!(turn.tokens, Some(if stream { ALL } else { tokens(1, 1) }), "{path}");
        assert_eq!(turn.tokens, turn.answerer().expect("an answer").tokens);
        assert_eq!(turn.turn.bytes_in, body.to_string().len() as u64);
        assert_eq!(turn.bytes_out, answer.body.len() as u64, "{path}");
        let lasts = s(if stream { 5 } else { 2 });
        assert_eq!((turn.first_output, turn.lasted, turn.overhead), (Some(s(2)), lasts, Duration::ZERO));
        assert_eq!(answer.header("x-lip-overhead-us"), Some("0"));
        let began = &turn.turn;
        assert_eq!((began.model.as_str(), began.stream, began.what), ("openai:m", stream, What::Generate));
        assert_eq!(turn.session.expect("a session").to_string().len(), 36);
        let (attempt, role) = (&turn.attempts[0], Role::Answer);
        assert_eq!((&*attempt.connector, &*attempt.model, attempt.role), ("openai", "m", role));
        assert!(began.dialect != "openai-chat" || attempt.losses.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn usage_that_nobody_told_is_unknown() {
    let world = World::new("http", |_| {});
    world.network.provider("bad.test", |_| Reply::events().send(OUTPUT).send("data: [DONE]\n\n").end());
    let (_, turn) = told(&world, chat("openai:m", true)).await;
    assert_eq!((&turn.outcome, turn.tokens), (&Outcome::Answered, None));
}

#[tokio::test(start_paused = true)]
async fn turns_that_no_upstream_answers_are_told_of() {
    let message = |text: &str| json!({"model": "openai:m", "max_tokens": 9, "messages": [{"role": "user", "content": text}]});
    let command = Call::chat(message("!/hello").to_string());
    let count = Call::post("/v1/messages/count_tokens", message("how long is this?").to_string());
    let nowhere = chat("[weight=x]openai:m", false);
    let circle = chat("openai:m", true).header("x-llmproxy-loop-guard", "lip");
    for (call, status, outcome) in [
        (command, 200, "answered_here"),
        (count, 200, "answered_here"),
        (nowhere, 400, "failed"),
        (circle, 508, "failed"),
    ] {
        let world = World::new("http", |_| {});
        let (answer, turn) = told(&world, call).await;
        assert_eq!((answer.status, turn.status, turn.outcome.name()), (status, status, outcome), "{turn:?}");
        assert!(turn.attempts.is_empty() && turn.tokens.is_none() && turn.first_output.is_none());
        assert_eq!(turn.outcome.trouble().map(|trouble| trouble.status), (status != 200).then_some(status));
    }
}

#[tokio::test(start_paused = true)]
async fn request_that_becomes_no_turn_is_not_told_of() {
    let world = World::new("http", |_| {});
    for body in ["{", "{}", r#"{"model":"openai:m"}"#] {
        let answer = world.connect().send(&Call::chat(body).header("connection", "close")).await;
        assert_eq!(answer.status, 400);
    }
    assert!(world.seen.ended().is_empty());
}

#[tokio::test(start_paused = true)]
async fn turn_beyond_the_limit_is_told_of() {
    let world = World::new("http", |rules| rules.turns_max = 1);
    world.network.provider("bad.test", |_| Reply::events().send(OUTPUT).pause(s(1)).send(REST).end());
    let mut open = world.open("openai:m").await;
    open.read_until("half").await;
    assert_eq!(world.app.engine.under_way().len(), 1);
    assert_eq!(world.chat("openai:m", true).await.status, 503);
    assert!(open.rest().await.text().contains("[DONE]"));
    let told: Vec<_> = world.seen.ended().iter().map(|turn| (turn.status, turn.tokens)).collect();
    assert_eq!(told, [(503, None), (200, Some(ALL))]);
    assert!(world.app.engine.under_way().is_empty());
}

#[tokio::test(start_paused = true)]
async fn client_that_goes_is_told_of_whenever_it_goes() {
    let slowly = |_: &Recorded| Reply::events().pause(s(5)).send(OUTPUT).pause(s(5)).send(REST).end();
    // Before the head, after an early head, after output.
    for (leaves_after, status, first) in [(3, 499, None), (7, 200, Some(s(5)))] {
        let world = World::new("http", |_| {});
        world.network.provider("bad.test", slowly);
        let mut connection = world.connect();
        connection.write(&chat("openai:m", true)).await;
        tokio::time::sleep(s(leaves_after)).await;
        let under_way = world.app.engine.under_way();
        let so_far = under_way[0].so_far();
        assert_eq!((so_far.passed, so_far.attempts.len()), (s(leaves_after), 1));
        assert_eq!(so_far.bytes_out > 0, first.is_some());
        drop(connection);
        tokio::time::sleep(Duration::from_millis(1)).await;
        let turn = world.seen.only();
        assert_eq!((turn.status, &turn.outcome), (status, &Outcome::ClientGone));
        assert_eq!((turn.first_output, tried(&turn)), (first, vec!["openai cancelled".to_owned()]));
        assert_eq!(turn.tokens, None);
    }
}

#[tokio::test(start_paused = true)]
async fn head_that_went_out_early_is_the_status_that_counts() {
    let world = World::new("http", |_| {});
    world.network.provider("bad.test", |_| Reply::silence());
    let mut open = world.open("openai:m").await;
    open.read_until(": keep-alive").await;
    drop(open);
    tokio::time::sleep(Duration::from_millis(1)).await;
    let turn = world.seen.only();
    assert_eq!((turn.status, &turn.outcome), (200, &Outcome::ClientGone));
    assert_eq!(turn.bytes_out, 0);
}

#[tokio::test(start_paused = true)]
async fn last_second_of_a_turn_is_told_with_what_was_known() {
    let drip = (0..60).fold(Reply::events(), |reply, _| reply.send(OUTPUT).pause(s(10)));
    let world = World::new("http", |_| {});
    world.network.provider("bad.test", move |_| drip.clone());
    let (_, turn) = told(&world, chat("openai:m", true)).await;
    let trouble = turn.outcome.trouble().expect("trouble");
    assert_eq!((turn.outcome.name(), trouble.code.as_deref()), ("broke_off", Some("turn_timeout")));
    assert_eq!((turn.status, turn.lasted), (200, TURN));
    assert_eq!(tried(&turn), ["openai failed"]);
}

#[tokio::test(start_paused = true)]
async fn lanes_and_failed_legs_are_attempts_of_one_turn() {
    let broken = r#"{"error":{"message":"no","type":"t","param":null,"code":null}}"#;
    let slowly = |request: &Recorded| Reply::nothing().pause(s(4)).then(says(request, "bad speaks"));
    let world = World::new("http", |_| {});
    world.network.provider("bad.test", slowly);
    world
        .network
        .provider("good.test", |request| Reply::nothing().pause(s(1)).then(says(request, "good speaks")));
    let (_, turn) = told(&world, chat("openai:m!openai.spare:m", false)).await;
    assert_eq!(tried(&turn), ["openai lost_race", "openai.spare answered"]);
    assert_eq!((turn.answered_by, turn.tokens, turn.overhead), (Some(1), Some(tokens(1, 1)), Duration::ZERO));
    assert_eq!((turn.attempts[0].lasted(), turn.attempts[1].to_first_output()), (s(1), Some(s(1))));

    let world = World::new("http", |_| {});
    world.network.provider("bad.test", move |_| Reply::json(403, broken));
    world.network.provider("good.test", |request| says(request, "good speaks"));
    let (_, turn) = told(&world, chat("openai:m|openai.spare:m", true)).await;
    assert_eq!(tried(&turn), ["openai failed", "openai.spare answered"]);
    let AttemptOutcome::Failed(trouble) = &turn.attempts[0].outcome else { panic!("{turn:?}") };
    assert_eq!((trouble.status, trouble.message.as_str()), (403, "no"));
}

#[tokio::test(start_paused = true)]
async fn thinker_is_an_attempt_and_its_tokens_count() {
    let world = World::new("http", |_| {});
    world.network.provider("bad.test", |request| says(request, "my notes"));
    world.network.provider("good.test", |request| says(request, "good speaks"));
    for _ in 0..2 {
        let call = chat("[thinker]openai:m^openai.spare:m", false).header("x-session-id", "one");
        assert_eq!(world.connect().send(&call).await.status, 200);
    }
    let turns = world.seen.ended();
    assert_eq!((turns.len(), turns[0].tokens), (2, Some(tokens(1, 1))));
    assert_eq!(tried(&turns[1]), ["openai answered", "openai.spare answered"]);
    let roles: Vec<Role> = turns[1].attempts.iter().map(|attempt| attempt.role).collect();
    assert_eq!((roles, turns[1].tokens), (vec![Role::Notes, Role::Answer], Some(tokens(2, 2))));
    assert_eq!(turns[1].charged().map(|attempt| &*attempt.backend), Some("openai.spare"));
}

#[tokio::test(start_paused = true)]
async fn usage_is_asked_for_where_the_operator_wants_it() {
    // What the upstream sends when it is asked: `usage` in every chunk, and one more chunk.
    let chunk = |text: &str| {
        format!(
            "data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}}}}],\"usage\":null}}\n\n"
        )
    };
    let before = format!("{}{}", chunk("ha"), chunk("lf"));
    let end = "data: [DONE]\n\n";
    let usage = REST.split_inclusive("\n\n").nth(1).expect("the frame of usage").to_owned();
    for (asks, client_asks) in [(false, None), (true, None), (true, Some(false)), (true, Some(true))] {
        let world = World::new("http", |rules| rules.ask_usage = asks);
        let (all, cut) = (format!("{before}{usage}{end}"), before.len() + 20);
        let bad = world.network.provider("bad.test", move |_| {
            Reply::events().send(&all[..cut]).pause(s(1)).send(&all[cut..]).end()
        });
        let mut body =
            json!({"model": "openai:m", "stream": true, "messages": [{"role": "user", "content": "hi"}]});
        if let Some(asks) = client_asks {
            body["stream_options"] = json!({"include_usage": asks});
        }
        let (answer, turn) = told(&world, Call::chat(body.to_string())).await;
        let sent = bad.requests()[0].json();
        let asked = sent["stream_options"]["include_usage"].as_bool();
        assert_eq!(asked, if asks { Some(true) } else { client_asks }, "{sent}");
        assert_eq!(turn.tokens, Some(ALL));
        let is_stripped = asks && client_asks != Some(true);
        let expected = if is_stripped { format!("{before}{end}") } else { format!("{before}{usage}{end}") };
        assert_eq!(answer.text(), expected, "{asks} {client_asks:?}");
    }
}
