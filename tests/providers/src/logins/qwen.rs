//! Qwen with the login of Qwen Code. Source: github.com/QwenLM/qwen-code, packages/core/src/qwen.
use super::{
    Fake, LATER_S, OVER_S, all_frontends, alone, challenge, form, hello, member, replied,
    waits_for_ten_minutes,
};
use crate::bugs::Bug;
use crate::judge::Judge;
use crate::provider;
use crate::server::chat;
use serde_json::{Value, json};
use stage::{CANARY, Lip, LipBuilder, Recorded, Reply};
use std::time::{SystemTime, UNIX_EPOCH};

const CLIENT: &str = "f0304373b74a44d2b584a3fb70ca9e56";
const MODEL: &str = "qwen-oauth:coder-model";
const CHAT: chat::Chat = chat::Chat { reasoning: &["reasoning_content"], ..chat::PLAIN };

#[derive(Default)]
struct State {
    origin: String,
    /// The tokens in force have this number.
    n: u32,
    n_refreshes: u32,
    n_polls: u32,
    n_turns: u32,
    challenge: String,
    is_used_up: bool,
    is_revoked: bool,
    complaints: Vec<String>,
}

fn token(kind: &str, n: u32) -> String {
    format!("{CANARY}{kind}-{n}")
}

fn refused(status: u16, error: &str) -> Reply {
    Reply::json(status, &json!({ "error": error }).to_string())
}

fn answer(state: &mut State, request: &Recorded) -> Reply {
    match (&*request.method, &*request.target) {
        ("POST", "/api/v1/oauth2/device/code") => device_code(state, request),
        ("POST", "/api/v1/oauth2/token") => tokens(state, request),
        ("POST", "/v1/chat/completions") => turn(state, request),
        (method, target) => {
            state.complaints.push(format!("there is no {method} {target}"));
            refused(404, "no such path")
        }
    }
}

fn device_code(state: &mut State, request: &Recorded) -> Reply {
    let asked = form(&String::from_utf8_lossy(&request.body));
    let fits = member(&asked, "client_id") == CLIENT
        && member(&asked, "scope") == "openid profile email model.completion"
        && member(&asked, "code_challenge_method") == "S256";
    if !fits {
        state.complaints.push(format!("{asked:?}"));
    }
    state.challenge = member(&asked, "code_challenge").to_owned();
    let page = "https://chat.qwen.test/authorize";
    let begun = json!({"device_code": "dc-1", "user_code": "AB-CD", "expires_in": 60, "verification_uri": page,
        "verification_uri_complete": format!("{page}?user_code=AB-CD")});
    Reply::json(200, &begun.to_string())
}

fn tokens(state: &mut State, request: &Recorded) -> Reply {
    let asked = form(&String::from_utf8_lossy(&request.body));
    if member(&asked, "client_id") != CLIENT {
        state.complaints.push("another client".to_owned());
        return refused(400, "invalid_client");
    }
    match member(&asked, "grant_type") {
        "refresh_token" => {
            state.n_refreshes += 1;
            if state.is_revoked || member(&asked, "refresh_token") != token("rt", state.n) {
                return refused(400, "invalid_grant");
            }
        }
        "urn:ietf:params:oauth:grant-type:device_code" => {
            state.n_polls += 1;
            match state.n_polls {
                1 => return refused(400, "authorization_pending"),
                2 => return refused(429, "slow_down"),
                _ if challenge(member(&asked, "code_verifier")) != state.challenge => {
                    return refused(400, "invalid_grant");
                }
                _ => {}
            }
        }
        other => {
            state.complaints.push(format!("grant {other}"));
            return refused(400, "unsupported_grant_type");
        }
    }
    state.n += 1;
    let tokens = json!({"access_token": token("at", state.n), "refresh_token": token("rt", state.n),
        "token_type": "Bearer", "expires_in": 21600, "resource_url": state.origin});
    Reply::json(200, &tokens.to_string())
}

fn turn(state: &mut State, request: &Recorded) -> Reply {
    if request.header("authorization") != Some(&format!("Bearer {}", token("at", state.n))) {
        return refused(401, "invalid access token or token expired");
    }
    state.n_turns += 1;
    if state.is_used_up {
        let error = json!({"code": "insufficient_quota", "message": "Free allocated quota exceeded."});
        let body = json!({ "error": error }).to_string();
        return Reply::status(429)
            .header("Content-Type", "application/json")
            .header("Retry-After", "600")
            .full(body);
    }
    let mut judge = Judge::default();
    judge.must(request.header("x-dashscope-authtype") == Some("qwen-oauth"), "no x-dashscope-authtype");
    judge.must(request.header("x-dashscope-useragent").is_some(), "no x-dashscope-useragent");
    let body = request.json();
    judge.must(body["model"] == "coder-model", "another model");
    let asked = CHAT.read(&mut judge, &body);
    if !judge.complaints.is_empty() {
        let why = judge.complaints.join("; ");
        state.complaints.extend(judge.complaints);
        return refused(400, &why);
    }
    replied(CHAT.write(&asked, &body, &provider::told(&asked)))
}

async fn fake(bug: Option<&'static Bug>) -> Fake<State> {
    let fake = Fake::start(State::default(), bug, answer).await;
    let origin = fake.origin();
    fake.with(|state| state.origin = origin);
    fake
}

fn config(fake: &Fake<State>) -> LipBuilder {
    let at = fake.origin();
    alone(Lip::builder()).config_toml(&format!(
        "[backends.qwen-oauth]\ntype = \"qwen-oauth\"\ntoken_url = \"{at}/api/v1/oauth2/token\"\n\
         device_code_url = \"{at}/api/v1/oauth2/device/code\"\npoll_interval_ms = 5\n"
    ))
}

/// As Qwen Code writes it, with a member that a newer release might add.
fn file_of(fake: &Fake<State>, n: u32, end_s: u64) -> String {
    let (access, refresh, origin) = (token("at", n), token("rt", 0), fake.origin());
    format!(
        "{{\n  \"access_token\": \"{access}\",\n  \"refresh_token\": \"{refresh}\",\n  \"newer\": 1e0,\n  \
         \"resource_url\": \"{origin}\",\n  \"expiry_date\": {end_s}000\n}}"
    )
}

fn logged_in(fake: &Fake<State>, n: u32, end_s: u64) -> LipBuilder {
    config(fake).file(".qwen/oauth_creds.json", &file_of(fake, n, end_s))
}

#[tokio::test]
async fn qwen_logs_in_by_a_device_and_serves_all_frontends() {
    let fake = fake(None).await;
    let lip = config(&fake).start().await;
    assert_eq!(hello(&lip, MODEL).await.status, 401);
    let done = lip.cli("login qwen-oauth --no-browser").await;
    assert!(done.success && done.stderr.contains("AB-CD"), "{done:?}");
    let done = all_frontends(&lip, MODEL).await;
    assert_eq!((done, fake.with(|state| state.complaints.clone())), (Ok(()), Vec::new()));
    let lip = lip.stopped().await.start().await;
    assert_eq!((hello(&lip, MODEL).await.status, fake.with(|state| state.n_refreshes)), (200, 0));
}

#[tokio::test]
async fn qwen_renews_in_qwen_codes_file_and_keeps_the_rest() {
    // A token that has ended, and one that the service has thrown away.
    for (n, end_s) in [(0, OVER_S), (7, LATER_S)] {
        let fake = fake(None).await;
        let lip = logged_in(&fake, n, end_s).start().await;
        let together = tokio::join!(hello(&lip, MODEL), hello(&lip, MODEL));
        let all = [together.0.status, together.1.status, hello(&lip, MODEL).await.status];
        assert_eq!(all, [200; 3], "{}", lip.stderr());
        assert_eq!(fake.with(|state| (state.n_refreshes, state.complaints.clone())), (1, Vec::new()));
        let text = std::fs::read_to_string(lip.home().join(".qwen/oauth_creds.json")).expect("the file");
        let file: Value = serde_json::from_str(&text).expect("JSON");
        let tokens = (json!(token("at", 1)), json!(token("rt", 1)));
        assert_eq!((file["access_token"].clone(), file["refresh_token"].clone()), tokens);
        let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_millis();
        let end_ms = u128::from(file["expiry_date"].as_u64().unwrap_or_default());
        assert!((now_ms + 21_000_000..now_ms + 22_000_000).contains(&end_ms), "{end_ms}");
        assert!(text.contains("\"newer\": 1e0,\n"), "{text}");
    }
}

#[tokio::test]
async fn qwen_takes_an_account_over_from_a_file() {
    let fake = fake(None).await;
    let elsewhere = file_of(&fake, 0, OVER_S);
    let lip = config(&fake).file("of-another-machine.json", &elsewhere).start().await;
    assert_eq!(hello(&lip, MODEL).await.status, 401);
    let file = lip.home().join("of-another-machine.json");
    let done = lip.cli(&format!("login qwen-oauth --account work --import={}", file.display())).await;
    assert!(done.success && done.printed().contains("work"), "{done:?}");
    let lip = lip.stopped().await.start().await;
    assert_eq!(hello(&lip, MODEL).await.status, 200, "{}", lip.stderr());
    assert_eq!(fake.with(|state| (state.n_refreshes, state.complaints.clone())), (1, Vec::new()));
    assert_eq!(std::fs::read_to_string(&file).expect("the file"), elsewhere);
}

#[tokio::test]
async fn qwen_says_when_a_login_or_a_quota_is_used_up() {
    let revoked = fake(None).await;
    revoked.with(|state| state.is_revoked = true);
    let lip = logged_in(&revoked, 0, OVER_S).start().await;
    for _ in 0..2 {
        let answer = hello(&lip, MODEL).await;
        assert!(answer.status == 401 && answer.text().contains("lip login"), "{}", answer.text());
    }
    assert_eq!(revoked.with(|state| (state.n_refreshes, state.n_turns)), (1, 0));
    let accounts = lip.cli("accounts").await.stdout;
    assert!(accounts.contains("needs login"), "{accounts}");

    let used_up = fake(None).await;
    used_up.with(|state| state.is_used_up = true);
    let lip = logged_in(&used_up, 0, LATER_S).start().await;
    for _ in 0..2 {
        let answer = hello(&lip, MODEL).await;
        assert!(waits_for_ten_minutes(&answer), "{} {}", answer.status, answer.text());
    }
    assert_eq!(used_up.with(|state| state.n_turns), 1);
}

fn replaced(request: &mut Recorded, from: &str, to: &str) {
    request.body = String::from_utf8_lossy(&request.body).replace(from, to).into_bytes();
}

/// What a wrong connector would do, in the first turn after a token has ended.
static BUGS: [Bug; 5] = [
    Bug::new("another client", |request| replaced(request, CLIENT, "f0")),
    Bug::new("another refresh token", |request| replaced(request, "rt-0", "rt-9")),
    Bug::new("a header left out", |request| {
        request.headers.retain(|(name, _)| name != "x-dashscope-authtype");
    }),
    Bug::new("another path", |request| request.target = request.target.replace("/v1/chat", "/chat")),
    Bug::new("another model", |request| replaced(request, "coder-model", "other-model")),
];

#[tokio::test]
async fn qwen_bugs_turn_the_story_red() {
    for bug in BUGS.iter().map(Some).chain([None]) {
        let fake = fake(bug).await;
        let lip = logged_in(&fake, 0, OVER_S).start().await;
        let answer = hello(&lip, MODEL).await;
        let is_red = answer.status != 200 || !fake.with(|state| state.complaints.is_empty());
        assert_eq!(is_red, bug.is_some(), "{:?}: {}", bug.map(|bug| bug.name), answer.text());
    }
}
