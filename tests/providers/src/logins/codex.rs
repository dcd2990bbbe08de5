//! OpenAI Codex with a ChatGPT login. Source: github.com/openai/codex, codex-rs/login and codex-rs/codex-api, and what Codex CLI sends.
use super::{Fake, LATER_S, OVER_S, all_frontends, challenge, form, hello, jwt, waits_for_ten_minutes};
use crate::asked::Asked;
use crate::bugs::Bug;
use crate::clients::{Ask, Tongue};
use crate::judge::Judge;
use crate::provider;
use crate::server::responses;
use serde_json::{Value, json};
use stage::{CANARY, Call, Lip, LipBuilder, Recorded, Reply};
use std::time::{SystemTime, UNIX_EPOCH};

const ACCOUNT: &str = "acc-7f";
const CLIENT: &str = "app_EMoamEEZ73f0CkXaXp7hrann";
const MODEL: &str = "openai-codex:gpt-6-sol";
/// What the service answers with 400. Source: its own words, `Unsupported parameter`.
const UNSUPPORTED: [&str; 4] = ["temperature", "top_p", "max_output_tokens", "previous_response_id"];

#[derive(Clone, Copy, Default, PartialEq)]
enum Mood {
    #[default]
    Good,
    /// Refresh tokens are refused.
    Revoked,
    UsedUp,
    /// Tokens that it has not given itself are refused.
    Forgets,
    /// The next turn's token is refused inside of its stream.
    TurnsSour,
}

#[derive(Default)]
struct State {
    mood: Mood,
    /// The tokens in force have this number.
    n: u32,
    n_refreshes: u32,
    n_turns: u32,
    complaints: Vec<String>,
    /// Of the login that is under way: challenge and redirect.
    login: Option<(String, String)>,
}

fn access(n: u32, end_s: u64) -> String {
    let auth = json!({"chatgpt_account_id": ACCOUNT, "chatgpt_plan_type": "plus"});
    jwt(&json!({"exp": end_s, "n": n, "https://api.openai.com/auth": auth}), n)
}

fn refresh(n: u32) -> String {
    format!("{CANARY}rt-{n}")
}

fn answer(state: &mut State, request: &Recorded) -> Reply {
    match (&*request.method, &*request.target) {
        ("POST", "/oauth/token") => token(state, request),
        ("POST", "/backend-api/codex/responses") => turn(state, request),
        ("GET", "/backend-api/codex/models?client_version=0.169.0") => {
            let list = json!({"models": [{"slug": "gpt-6-sol", "visibility": "list", "supported_in_api": true},
                {"slug": "gpt-daybreak", "visibility": "hide", "supported_in_api": true}]});
            Reply::json(200, &list.to_string())
        }
        (method, target) => {
            state.complaints.push(format!("there is no {method} {target}"));
            Reply::json(404, "{}")
        }
    }
}

fn token(state: &mut State, request: &Recorded) -> Reply {
    let is_json = request.header("content-type") == Some("application/json");
    let asked: Value =
        if is_json { request.json() } else { json!(form(&String::from_utf8_lossy(&request.body))) };
    let is = |key: &str, value: &str| asked[key] == value;
    let refused = |code: &str| {
        Reply::json(400, &json!({"error": {"code": code, "message": "the token is no good"}}).to_string())
    };
    if !is("client_id", CLIENT) {
        state.complaints.push(format!("client_id {}", asked["client_id"]));
    }
    match asked["grant_type"].as_str() {
        Some("refresh_token") if is_json => {
            state.n_refreshes += 1;
            if state.mood == Mood::Revoked {
                return refused("refresh_token_invalidated");
            }
            if !is("refresh_token", &refresh(state.n)) {
                state.complaints.push("a refresh token that is not in force".to_owned());
                return refused("refresh_token_reused");
            }
        }
        Some("authorization_code") if !is_json => {
            let (challenged, redirect) = state.login.take().unwrap_or_default();
            let fits = is("code", "code/1") && is("redirect_uri", &redirect);
            let verifier = asked["code_verifier"].as_str().unwrap_or_default();
            if !fits || verifier.len() < 43 || challenge(verifier) != challenged {
                return refused("invalid_grant");
            }
        }
        other => {
            state.complaints.push(format!("grant {other:?} of {:?}", request.header("content-type")));
            return refused("invalid_request");
        }
    }
    state.n += 1;
    let id = jwt(&json!({"email": "somebody@example.test"}), state.n);
    let tokens =
        json!({"id_token": id, "access_token": access(state.n, LATER_S), "refresh_token": refresh(state.n)});
    Reply::json(200, &tokens.to_string())
}

fn turn(state: &mut State, request: &Recorded) -> Reply {
    let header = |name: &str| request.header(name).unwrap_or_default().to_owned();
    let refused = |status, error: Value| Reply::json(status, &json!({ "error": error }).to_string());
    let is_forgotten = state.mood == Mood::Forgets && state.n == 0;
    if is_forgotten || header("authorization") != format!("Bearer {}", access(state.n, LATER_S)) {
        return refused(401, json!({"code": "token_expired", "message": "Your token has expired."}));
    }
    state.n_turns += 1;
    match state.mood {
        Mood::UsedUp => {
            let now_s = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs();
            let error = json!({"type": "usage_limit_reached", "message": "The usage limit has been reached",
                "plan_type": "plus", "resets_at": now_s + 600, "resets_in_seconds": 600});
            return refused(429, error);
        }
        Mood::TurnsSour => {
            state.mood = Mood::Good;
            let created = json!({"type": "response.created", "response": {"id": "resp_0"}});
            let error =
                json!({"type": "authentication_error", "code": "token_invalidated", "message": "gone"});
            let sour = json!({"type": "error", "error": error});
            return Reply::events().send(format!("data: {created}\n\ndata: {sour}\n\n")).end();
        }
        Mood::Good | Mood::Forgets | Mood::Revoked => {}
    }
    let mut judge = Judge::default();
    judge.must(header("chatgpt-account-id") == ACCOUNT, "chatgpt-account-id is wrong");
    judge.must(!header("originator").is_empty(), "no originator");
    judge.must(header("accept") == "text/event-stream", "accept is no stream");
    let asked = read(&mut judge, &request.json());
    if !judge.complaints.is_empty() {
        let why = judge.complaints.join("; ");
        state.complaints.extend(judge.complaints);
        return Reply::json(400, &json!({ "detail": why }).to_string());
    }
    let frames = match responses::write(&asked, &provider::told(&asked)) {
        Err(frames) => frames,
        Ok(whole) => unreachable!("it streams always: {whole}"),
    };
    let open = Reply::status(200).header("Content-Type", "text/event-stream");
    let open = open.header("x-codex-primary-used-percent", "12").chunked();
    frames.all.iter().fold(open, |reply, frame| reply.send(frame)).end()
}

fn read(judge: &mut Judge, body: &Value) -> Asked {
    judge.must(body["stream"] == true && body["store"] == false, "stream and store are forced");
    let is_told = body["instructions"].as_str().is_some_and(|text| !text.trim().is_empty());
    judge.must(is_told, "Instructions are required");
    judge.must(body["input"].is_array(), "Input must be a list");
    for key in UNSUPPORTED {
        judge.must(body.get(key).is_none(), format!("Unsupported parameter: {key}"));
    }
    let include = body["include"].as_array();
    let includes = include.is_some_and(|list| list.contains(&json!("reasoning.encrypted_content")));
    judge.must(includes, "without encrypted reasoning nothing goes on");
    let has_key = body["prompt_cache_key"].as_str().is_some_and(|key| !key.is_empty());
    judge.must(has_key, "no prompt_cache_key");
    let is_system = |item: &Value| item["role"] == "system";
    let items = body["input"].as_array();
    judge.must(!items.into_iter().flatten().any(is_system), "System messages are not allowed");
    responses::read(judge, body)
}

async fn fake(mood: Mood, bug: Option<&'static Bug>) -> Fake<State> {
    Fake::start(State { mood, ..State::default() }, bug, answer).await
}

fn config(fake: &Fake<State>) -> LipBuilder {
    let at = fake.origin();
    Lip::builder().config_toml(&format!(
        "[backends.openai-codex]\ntype = \"openai-codex\"\nbase_url = \"{at}/backend-api/codex\"\n\
         token_url = \"{at}/oauth/token\"\nauth_url = \"{at}/oauth/authorize\"\ncallback_ports = [0]\n"
    ))
}

/// As Codex CLI writes it, with a member that a newer release might add.
fn logged_in(fake: &Fake<State>, end_s: u64) -> LipBuilder {
    let file = format!(
        "{{\n  \"auth_mode\": \"chatgpt\",\n  \"OPENAI_API_KEY\": null,\n  \"tokens\": {{\n    \"id_token\": \"e30.e30.s\",\n    \
         \"access_token\": \"{}\",\n    \"refresh_token\": \"{}\",\n    \"account_id\": \"{ACCOUNT}\"\n  }},\n  \
         \"last_refresh\": \"2026-01-01T00:00:00.5Z\",\n  \"newer\": [1e0, 2]\n}}",
        access(0, end_s),
        refresh(0)
    );
    config(fake).file(".codex/auth.json", &file)
}

#[tokio::test]
async fn codex_serves_all_frontends_with_the_clis_login() {
    let fake = fake(Mood::Good, None).await;
    let lip = logged_in(&fake, LATER_S).start().await;
    let done = all_frontends(&lip, MODEL).await;
    assert_eq!((done, fake.with(|state| state.complaints.clone())), (Ok(()), Vec::new()));
    let ask = Ask { model: MODEL.to_owned(), prompt: "hello", stream: true, ..Ask::default() };
    let answer = lip.send(Tongue::Responses.call(&ask)).await;
    assert_eq!(answer.header("x-codex-primary-used-percent"), Some("12"));
    let models = lip.cli("models openai-codex").await;
    assert_eq!(models.stdout, "openai-codex:gpt-6-sol\n", "{models:?}");
    assert_eq!(fake.with(|state| state.n_refreshes), 0);
}

#[tokio::test]
async fn codex_renews_in_the_clis_file_and_keeps_the_rest() {
    // A token that has ended, and one that the service refuses, also inside of a stream.
    for (end_s, mood) in [(OVER_S, Mood::Good), (LATER_S, Mood::Forgets), (LATER_S, Mood::TurnsSour)] {
        let fake = fake(mood, None).await;
        let lip = logged_in(&fake, end_s).start().await;
        let together = tokio::join!(hello(&lip, MODEL), hello(&lip, MODEL), hello(&lip, MODEL));
        let all = [together.0.status, together.1.status, together.2.status, hello(&lip, MODEL).await.status];
        assert_eq!(all, [200; 4], "{}", lip.stderr());
        let heard = fake.with(|state| (state.n_refreshes, state.complaints.clone()));
        assert_eq!(heard, (1, Vec::new()));
        let file = std::fs::read_to_string(lip.home().join(".codex/auth.json")).expect("the file");
        let parsed: Value = serde_json::from_str(&file).expect("JSON");
        assert_eq!(parsed["tokens"]["access_token"], access(1, LATER_S));
        assert_eq!(parsed["tokens"]["refresh_token"], refresh(1));
        assert_ne!(parsed["last_refresh"], "2026-01-01T00:00:00.5Z");
        assert!(file.contains("\"newer\": [1e0, 2]\n}") && file.starts_with("{\n  \"auth_mode\""), "{file}");
        // What was written is a login: another host begins with it.
        let lip = lip.stopped().await.start().await;
        assert_eq!((hello(&lip, MODEL).await.status, fake.with(|state| state.n_refreshes)), (200, 1));
    }
}

#[tokio::test]
async fn codex_says_when_a_login_or_a_plan_is_used_up() {
    let revoked = fake(Mood::Revoked, None).await;
    let lip = logged_in(&revoked, OVER_S).start().await;
    for _ in 0..3 {
        let answer = hello(&lip, MODEL).await;
        assert!(answer.status == 401 && answer.text().contains("lip login"), "{}", answer.text());
    }
    assert_eq!(revoked.with(|state| (state.n_refreshes, state.n_turns)), (1, 0));
    let accounts = lip.cli("accounts").await.stdout;
    assert!(accounts.contains("needs login"), "{accounts}");

    let used_up = fake(Mood::UsedUp, None).await;
    let lip = logged_in(&used_up, LATER_S).start().await;
    // It rests after the first refusal: nobody asks again before the reset.
    for _ in 0..2 {
        let answer = hello(&lip, MODEL).await;
        assert!(waits_for_ten_minutes(&answer), "{} {}", answer.status, answer.text());
    }
    assert_eq!(used_up.with(|state| state.n_turns), 1);
}

#[tokio::test]
async fn codex_logs_in_by_a_browser() {
    let fake = fake(Mood::Good, None).await;
    let lip = config(&fake).start().await;
    assert_eq!(hello(&lip, MODEL).await.status, 401);
    let person = async |printed: String| {
        let url = printed.split_whitespace().find(|word| word.contains("/oauth/authorize?"));
        let query = form(url.and_then(|url| url.split_once('?')).expect("a URL with a query").1);
        assert_eq!((&*query["client_id"], &*query["code_challenge_method"]), (CLIENT, "S256"));
        assert!(query["scope"].contains("offline_access"), "{query:?}");
        let redirect = query["redirect_uri"].clone();
        fake.with(|state| state.login = Some((query["code_challenge"].clone(), redirect.clone())));
        let port = redirect.strip_prefix("http://localhost:").and_then(|rest| rest.split_once('/'));
        let (port, path) = port.expect("a port of this machine");
        assert_eq!(path, "auth/callback");
        let address = format!("127.0.0.1:{port}").parse().expect("an address");
        let back = async |state: &str| {
            let call = Call::get(&format!("/auth/callback?code=code%2F1&state={state}"));
            let answer = stage::send(address, call).await;
            assert!(!answer.text().contains("code/1"), "{}", answer.text());
            (answer.status, answer.text())
        };
        let (refused, taken) = (back("of-another-login").await, back(&query["state"]).await);
        assert!(refused.0 >= 400 && taken.0 < 400, "{refused:?} {taken:?}");
    };
    let done = lip.cli_while("login openai-codex --no-browser", "/oauth/authorize?", person).await;
    assert!(done.success && done.stdout.contains("somebody@example.test"), "{done:?}");
    assert_eq!(hello(&lip, MODEL).await.status, 200, "a host that runs notices");
    let lip = lip.stopped().await.start().await;
    assert_eq!(hello(&lip, MODEL).await.status, 200);
    assert_eq!(fake.with(|state| (state.complaints.clone(), state.n_refreshes)), (Vec::new(), 0));
}

fn edited(request: &mut Recorded, edit: fn(&mut Value)) {
    if let Ok(mut body) = serde_json::from_slice::<Value>(&request.body) {
        edit(&mut body);
        request.body = body.to_string().into_bytes();
    }
}

fn replaced(body: &mut Value, key: &str, value: &str) {
    if body.get(key).is_some() {
        body[key] = value.into();
    }
}

/// What a wrong connector would do, in the first turn after a token has ended.
static BUGS: [Bug; 8] = [
    Bug::new("no account", |request| request.headers.retain(|(name, _)| name != "chatgpt-account-id")),
    Bug::new("stored answers", |request| edited(request, |body| body["store"] = true.into())),
    Bug::new("no stream", |request| edited(request, |body| body["stream"] = false.into())),
    Bug::new("temperature", |request| edited(request, |body| body["temperature"] = 1.into())),
    Bug::new("no instructions", |request| edited(request, |body| body["instructions"] = Value::Null)),
    Bug::new("no cache key", |request| edited(request, |body| body["prompt_cache_key"] = Value::Null)),
    Bug::new("an old refresh token", |request| {
        edited(request, |body| replaced(body, "refresh_token", "rt-old"));
    }),
    Bug::new("another client", |request| edited(request, |body| replaced(body, "client_id", "app_other"))),
];

#[tokio::test]
async fn codex_bugs_turn_the_story_red() {
    for bug in BUGS.iter().map(Some).chain([None]) {
        let fake = fake(Mood::Good, bug).await;
        let lip = logged_in(&fake, OVER_S).start().await;
        let answer = hello(&lip, MODEL).await;
        let is_red = answer.status != 200 || !fake.with(|state| state.complaints.is_empty());
        assert_eq!(is_red, bug.is_some(), "{:?}: {}", bug.map(|bug| bug.name), answer.text());
    }
}
