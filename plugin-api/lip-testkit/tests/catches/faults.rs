//! Connectors with one fault each.
#![expect(clippy::expect_used, clippy::panic, reason = "these do wrong on purpose")]

use crate::acme::{BASE, MANIFEST, get, plain, post};
use crate::raw::{self, Trusts};
use crate::{Fault, connector};
use lip_plugin::serde_json;
use lip_plugin::{
    Buf, Connector, Create, Ctx, Error, HttpRequest, Level, Model, Passage, Result, Turn, Value, json,
};
use lip_testkit::conformance::{Kit, Sample};
use std::sync::Mutex;

pub(crate) fn all() -> Vec<Fault> {
    [manifests(), configs(), turns(), upstreams(), secrets(), below(), others()].concat()
}

fn of<C: Connector>() -> Kit {
    Kit::of::<C>(plain())
}

/// Of the default samples, whose answers are those of the dialect.
fn spoken<C: Connector>() -> Kit {
    Kit::of::<C>(Sample::default())
}

macro_rules! manifest {
    ($text:expr) => {{
        connector!(Odd, manifest: $text);
        of::<Odd>()
    }};
}

fn manifests() -> Vec<Fault> {
    vec![
        ("manifest_is_json", manifest!("{"), "no JSON"),
        ("ids_are_legal", manifest!(r#"{"id": "Acme!"}"#), "Acme!"),
        ("ids_are_legal", manifest!(r#"[{"id": "a"}, {"id": "a"}]"#), "twice"),
        ("titles_are_given", manifest!(r#"{"id": "a"}"#), "title"),
        ("titles_are_given", manifest!(r#"{"id": "a", "title": "A", "docs": "see a.example"}"#), "docs"),
        ("dialects_are_known", manifest!(r#"{"id": "a", "dialects": []}"#), "dialects"),
        ("dialects_are_known", manifest!(r#"{"id": "a", "dialects": ["openai_chat"]}"#), "openai_chat"),
        ("auth_is_known", manifest!(r#"{"id": "a", "auth": "apikey"}"#), "auth"),
        ("auth_is_known", manifest!(r#"{"id": "a", "auth": "api-key"}"#), "env.api_key"),
        ("variables_are_legal", manifest!(r#"{"id": "a", "env": {"api_key": "acme-key"}}"#), "acme-key"),
        ("egress_is_hosts", manifest!(r#"{"id": "a", "egress": ["https://a.b"]}"#), "https://a.b"),
        ("egress_is_hosts", manifest!(r#"{"id": "a", "egress": ["*"]}"#), "egress"),
        ("base_url_is_a_url", manifest!(r#"{"id": "a", "base_url": "a.b"}"#), "no URL"),
        ("models_are_named", manifest!(r#"{"id": "a", "models": ["a-*", "*b*"]}"#), "*b*"),
        ("models_are_named", manifest!(r#"{"id": "a", "models": "m"}"#), "models"),
        ("config_is_a_schema", manifest!(r#"{"id": "a", "config": {"region": "eu"}}"#), "type"),
        (
            "config_is_a_schema",
            manifest!(r#"{"id": "a", "config": {"type": "object", "properties": {"region": "eu"}}}"#),
            "region",
        ),
    ]
}

fn configs() -> Vec<Fault> {
    static FIRST: Mutex<Option<String>> = Mutex::new(None);
    connector!(Needy, create(with) { with.config.get("region").ok_or(Error::new("bad_config", "region is missing"))?; });
    connector!(Rash, create(with) { with.config.get("models").map(|models| models.as_array().expect("a list")); });
    connector!(Vague, create(with) {
        if with.config.get("models").is_some_and(|models| !models.is_array()) {
            return Err(Error::new("bad_config", "something is wrong"));
        }
    });
    connector!(Stubborn, turn(_me, cx, turn) { cx.http(post(BASE, turn)).await?.splice(); return Ok(()); });
    connector!(Single, create(with) {
        if *FIRST.lock().expect("a lock").get_or_insert(with.instance.to_owned()) != with.instance {
            return Err(Error::new("conflict", "there is one already"));
        }
    });
    vec![
        ("empty_config_creates", of::<Needy>(), "region is missing"),
        ("odd_config_is_no_panic", of::<Rash>(), "panic"),
        ("bad_config_names_its_key", of::<Vague>(), "something is wrong"),
        ("config_that_is_no_json_is_survived", raw::silent(), "gives :"),
        ("unknown_connector_is_refused", raw::obliging(), "does not list"),
        ("instances_are_apart", of::<Single>(), "there is one already"),
        ("configured_base_url_is_used", of::<Stubborn>(), "it calls"),
    ]
}

fn turns() -> Vec<Fault> {
    connector!(Panics, turn(_me, _cx, _turn) { panic!("oh") });
    connector!(Silent, turn(_me, _cx, _turn) { return Ok(()); });
    connector!(Stuck, turn(_me, _cx, _turn) { std::future::pending::<()>().await; });
    connector!(Abroad, turn(_me, cx, turn) { cx.http(post("https://evil.test", turn)).await?.splice(); return Ok(()); });
    connector!(Leaky, turn(me, cx, turn) { Box::leak(Box::new(cx.http(post(&me.0, turn)).await?)); cx.answer("{}"); return Ok(()); });
    connector!(Twice, turn(me, cx, turn) { cx.http(post(&me.0, turn)).await?.splice(); cx.answer("{}"); return Ok(()); });
    connector!(Endless, turn(_me, cx, turn) {
        if turn.stream { cx.send("data: {}\n\n").await; return Ok(()); }
    });
    // Takes a chunk for an event.
    connector!(Chunky, turn(me, cx, turn) {
        let mut answer = cx.http(post(&me.0, turn)).await?;
        let first = answer.chunk().await?.unwrap_or_default();
        cx.answer(json!({"length": first.len()}).to_string());
        return Ok(());
    });
    connector!(Narrow, turn(me, cx, turn) {
        let body: Value = serde_json::from_slice(&turn.body)?;
        let known = json!({"model": body["model"], "messages": body["messages"]}).to_string();
        cx.http(post(&me.0, &Turn::default()).body(known)).await?.splice();
        return Ok(());
    });
    connector!(Fragile, turn(_me, _cx, turn) { serde_json::from_slice::<Value>(&turn.body).expect("JSON"); });
    connector!(Flood, turn(_me, cx, turn) { for _ in 0..turn.body.len() { cx.note("a byte"); } });
    vec![
        ("answer_reaches_the_client", of::<Panics>(), "panic: oh"),
        ("answer_reaches_the_client", of::<Silent>(), "without an answer"),
        ("answer_reaches_the_client", of::<Stuck>(), "nothing that it asked for"),
        ("answer_reaches_the_client", of::<Abroad>(), "egress"),
        ("answer_reaches_the_client", of::<Leaky>(), "left open"),
        ("answer_reaches_the_client", of::<Twice>(), "after a complete answer"),
        ("stream_reaches_the_client", of::<Endless>(), "not framed"),
        ("chunks_may_be_cut_anywhere", of::<Chunky>(), "1 bytes at a time"),
        ("unknown_fields_survive", of::<Narrow>(), "x_lip_testkit"),
        ("only_declared_hosts_are_asked", of::<Abroad>(), "evil.test"),
        ("client_garbage_is_survived", of::<Fragile>(), "garbage from the client"),
        ("long_streams_come_in_pieces", spoken::<Flood>(), "one step gives"),
    ]
}

fn upstreams() -> Vec<Fault> {
    connector!(Rosy, turn(me, cx, turn) { let _ = cx.http(post(&me.0, turn)).await; cx.answer("{}"); return Ok(()); });
    connector!(Hasty, turn(me, cx, turn) { let answer = cx.http(post(&me.0, turn)).await?.success().await?; answer.splice(); return Ok(()); });
    connector!(Picky, turn(me, cx, turn) {
        let answer = cx.http(post(&me.0, turn)).await?;
        assert!(answer.status() < 418, "what is that?");
        answer.splice();
        return Ok(());
    });
    connector!(Lenient, turn(me, cx, turn) {
        let mut answer = cx.http(post(&me.0, turn)).await?;
        while let Ok(Some(chunk)) = answer.chunk().await { cx.send(chunk).await; }
        return Ok(());
    });
    connector!(Sure, turn(me, cx, turn) {
        let mut answer = cx.http(post(&me.0, turn)).await?;
        let first = answer.chunk().await?.expect("a chunk");
        answer.splice_after(first);
        return Ok(());
    });
    connector!(Trusting, turn(me, cx, turn) {
        let mut answer = cx.http(post(&me.0, turn)).await?;
        let bytes = answer.bytes().await?;
        let _: Value = serde_json::from_slice(&bytes).expect("JSON");
        cx.answer(bytes);
        return Ok(());
    });
    connector!(Counting, turn(me, cx, turn) {
        let answer = cx.http(post(&me.0, turn)).await?;
        for (name, value) in answer.headers().await? {
            assert!(name != "retry-after" || value.parse::<u32>().is_ok(), "a number");
        }
        answer.splice();
        return Ok(());
    });
    connector!(Small, turn(me, cx, turn) {
        let mut answer = cx.http(post(&me.0, turn)).await?;
        let mut all = [0_u8; 1 << 16];
        let mut n = 0;
        while let Some(chunk) = answer.chunk().await? {
            all[n..n + chunk.len()].copy_from_slice(&chunk);
            n += chunk.len();
        }
        cx.answer(all[..n].to_vec());
        return Ok(());
    });
    vec![
        ("refusals_reach_the_client", of::<Rosy>(), "upstream says 400"),
        ("throttling_reaches_the_client", of::<Hasty>(), "upstream says 429"),
        ("server_errors_reach_the_client", of::<Rosy>(), "upstream says 500"),
        ("odd_statuses_are_survived", of::<Picky>(), "what is that?"),
        ("dead_upstream_is_an_error", of::<Rosy>(), "no error"),
        ("cut_answer_is_not_whole", of::<Lenient>(), "looks finished"),
        ("empty_answer_is_survived", of::<Sure>(), "a chunk"),
        ("upstream_garbage_is_survived", of::<Trusting>(), "garbage from the upstream"),
        ("huge_headers_are_survived", of::<Counting>(), "a number"),
        ("huge_answer_is_survived", of::<Small>(), "a huge answer"),
    ]
}

fn secrets() -> Vec<Fault> {
    connector!(Keyless, turn(me, cx, turn) {
        if cx.secret("api_key").await.is_err() {
            let request = HttpRequest::post(format!("{}/chat", me.0)).json(turn.body.clone());
            cx.http(request).await?.splice();
            return Ok(());
        }
    });
    connector!(Chatty, turn(_me, cx, _turn) { return Err(Error::new("auth", cx.secret("api_key").await?)); });
    connector!(Logs, turn(_me, cx, _turn) { let key = cx.secret("api_key").await?; cx.log(Level::Debug, &key); });
    connector!(Query, turn(me, cx, turn) {
        let url = format!("{}/chat?key={}", me.0, cx.secret("api_key").await?);
        cx.http(HttpRequest::post(url).json(turn.body.clone())).await?.splice();
        return Ok(());
    });
    vec![
        ("missing_secret_is_an_error", of::<Keyless>(), "without its secret"),
        ("secrets_stay_out_of_answers", of::<Chatty>(), "error"),
        ("secrets_stay_out_of_logs", of::<Logs>(), "log"),
        ("secrets_stay_in_their_headers", of::<Query>(), "URL"),
    ]
}

/// Of effects, lives and threads.
fn below() -> Vec<Fault> {
    static KEPT: Mutex<Vec<Buf>> = Mutex::new(Vec::new());
    static SHARED: Mutex<Option<String>> = Mutex::new(None);
    connector!(Insisting, turn(me, cx, turn) {
        while cx.http(post(&me.0, turn)).await.is_err() {}
    });
    connector!(Blind, turn(me, cx, turn) {
        let _ = cx.http(post(&me.0, turn)).await;
        cx.answer("{}");
        return Ok(());
    });
    connector!(Hoarder, turn(_me, _cx, turn) { KEPT.lock().expect("a lock").push(turn.body.clone()); });
    connector!(Mixing, turn(me, cx, turn) {
        *SHARED.lock().expect("a lock") = Some(String::from_utf8_lossy(&turn.body).into_owned());
        cx.sleep_ms(1).await?;
        let body = SHARED.lock().expect("a lock").clone().unwrap_or_default();
        cx.http(post(&me.0, &Turn::default()).body(body)).await?.splice();
        return Ok(());
    });
    vec![
        ("unsupported_effects_are_survived", of::<Insisting>(), "again and again"),
        ("refused_effects_are_survived", of::<Blind>(), "for a success"),
        ("unknown_statuses_are_survived", of::<Blind>(), "for a success"),
        ("double_completions_are_ignored", raw::trusting(Trusts::Number), "comes twice"),
        ("forged_completions_are_ignored", raw::trusting(Trusts::Number), "nobody waits for"),
        ("needless_resumes_are_harmless", raw::trusting(Trusts::Number), "without a completion"),
        ("cancelling_lets_go", of::<Hoarder>(), "keeps the request's bytes"),
        ("instance_may_go_first", raw::trusting(Trusts::Instance), "was dropped"),
        ("tasks_move_between_threads", raw::trusting(Trusts::Thread), "another thread"),
        ("many_turns_at_once", of::<Mixing>(), "at once is not what it is alone"),
    ]
}

fn others() -> Vec<Fault> {
    connector!(Nameless, models(_cx) { return Ok(Vec::new()); });
    connector!(Hopeful, models(cx) {
        let list = cx.http(get(BASE)).await?.bytes().await?;
        return Ok(Model::from_openai_list(&list).unwrap_or_default());
    });
    connector!(Uncounted, count(_cx, _turn) { Ok(()) });
    connector!(Eager, other(cx) { cx.answer("{}"); });
    connector!(Personal, manifest: r#"{"id": "acme", "title": "Acme", "dialects": ["openai-chat"], "auth": "oauth-personal", "egress": []}"#,
        create(_with) {}, turn(_me, _cx, _turn) {});
    connector!(Away, passages(_me) { vec![Passage::new("openai-chat", HttpRequest::post("https://evil.test/"))] });
    connector!(Strange, passages(me) { vec![Passage::new("gemini", HttpRequest::post(me.0.clone()))] });
    connector!(Unnamed, passages(me) { vec![Passage::new("openai-chat", HttpRequest::post(me.0.clone()).bearer("key"))] });
    connector!(Divided, passages(me) {
        vec![Passage::new("openai-chat", HttpRequest::post(format!("{}/responses", me.0)).bearer("api_key"))]
    });
    connector!(Unversioned, passages(me) {
        let request = HttpRequest::post(format!("{}/chat/completions", me.0)).bearer("api_key");
        vec![Passage::new("openai-chat", request).default_header("x-version", "1")]
    });
    vec![
        ("models_are_listed", of::<Nameless>(), "models gives []"),
        ("broken_model_lists_are_errors", of::<Hopeful>(), "models accepts"),
        ("tokens_are_counted_or_not", of::<Uncounted>(), "count_tokens"),
        ("unknown_task_is_unsupported", of::<Eager>(), "succeeds"),
        ("odd_envelopes_are_survived", raw::trusting(Trusts::Number), "without code"),
        ("accounts_are_described", of::<Personal>(), "accounts gives"),
        ("passages_are_well_formed", of::<Away>(), "evil.test"),
        ("passages_are_well_formed", of::<Strange>(), "gemini"),
        ("passages_are_well_formed", of::<Unnamed>(), "key"),
        ("passages_do_what_turns_do", of::<Divided>(), "/responses"),
        ("passages_do_what_turns_do", of::<Unversioned>(), "x-version"),
    ]
}
