//! Cline with a Cline account. Source: github.com/cline/cline, the SDK's core/auth and provider settings.
use super::{
    Fake, LATER_S, OVER_S, all_frontends, alone, form, hello, iso, member, now_s, replied, row,
    waits_for_ten_minutes,
};
use crate::bugs::Bug;
use crate::clients::TONGUES;
use crate::judge::Judge;
use crate::provider;
use serde_json::{Value, json};
use stage::{CANARY, Lip, LipBuilder, Recorded, Reply};

/// Cline's own at WorkOS.
const CLIENT: &str = "client_01K3A541FN8TA3EPPHTD2325AR";
const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";
const MODEL: &str = "cline:anthropic/claude-sonnet-5";
const FILE: &str = ".cline/data/settings/providers.json";

#[derive(Clone, Copy, Default, PartialEq)]
enum Mood {
    #[default]
    Good,
    /// Refresh tokens are refused.
    Revoked,
    Spent,
    NoCredits,
}

#[derive(Default)]
struct State {
    mood: Mood,
    /// The tokens in force have this number.
    n: u32,
    n_polls: u32,
    n_refreshes: u32,
    n_turns: u32,
    n_refused: u32,
    complaints: Vec<String>,
}

fn token(kind: &str, n: u32) -> String {
    format!("{CANARY}{kind}-{n}")
}

fn refused(status: u16, error: &Value) -> Reply {
    Reply::json(status, &json!({"success": false, "error": error}).to_string())
}

fn answer(state: &mut State, request: &Recorded) -> Reply {
    let is_form = request.header("content-type") == Some("application/x-www-form-urlencoded");
    let asked = form(&String::from_utf8_lossy(&request.body));
    match (&*request.method, &*request.target) {
        ("POST", "/user_management/authorize/device") if is_form && member(&asked, "client_id") == CLIENT => {
            let page = "https://workos.test/device";
            let begun = json!({"device_code": token("dc", 1), "user_code": "AB-CD", "expires_in": 300, "interval": 0,
                "verification_uri": page, "verification_uri_complete": format!("{page}?user_code=AB-CD")});
            Reply::json(200, &begun.to_string())
        }
        ("POST", "/user_management/authenticate") if is_form => {
            let fits = member(&asked, "client_id") == CLIENT
                && member(&asked, "grant_type") == DEVICE
                && member(&asked, "device_code") == token("dc", 1);
            state.n_polls += 1;
            if !fits || state.n_polls < 3 {
                let error = if fits { "authorization_pending" } else { "invalid_grant" };
                return Reply::json(400, &json!({ "error": error }).to_string());
            }
            let tokens = json!({"access_token": token("wos-at", 1), "refresh_token": token("wos-rt", 1), "token_type": "Bearer"});
            Reply::json(200, &tokens.to_string())
        }
        ("POST", "/api/v1/auth/register") => {
            let asked = request.json();
            if asked != json!({"accessToken": token("wos-at", 1), "refreshToken": token("wos-rt", 1)}) {
                state.complaints.push(format!("registers {asked}"));
                return refused(401, &json!("Unauthorized"));
            }
            issue(state)
        }
        ("POST", "/api/v1/auth/refresh") => {
            state.n_refreshes += 1;
            let asked = request.json();
            if state.mood == Mood::Revoked {
                return refused(401, &json!({"code": "invalid_grant", "message": "the session was revoked"}));
            }
            if asked != json!({"refreshToken": token("rt", state.n), "grantType": "refresh_token"}) {
                state.complaints.push(format!("renews with {asked}"));
                return refused(400, &json!({"code": "invalid_grant", "message": "no such token"}));
            }
            issue(state)
        }
        ("POST", "/api/v1/chat/completions") => turn(state, request),
        (method, target) => {
            state.complaints.push(format!("there is no {method} {target}, or another client asks"));
            refused(404, &json!("Not found"))
        }
    }
}

fn issue(state: &mut State) -> Reply {
    state.n += 1;
    let user = json!({"subject": "s", "email": "somebody@example.test", "name": "S", "clineUserId": "usr-1", "accounts": []});
    let data = json!({"accessToken": token("at", state.n), "refreshToken": token("rt", state.n), "tokenType": "Bearer",
        "expiresAt": iso(LATER_S), "userInfo": user});
    Reply::json(200, &json!({"success": true, "data": data}).to_string())
}

fn turn(state: &mut State, request: &Recorded) -> Reply {
    if request.header("authorization") != Some(&format!("Bearer workos:{}", token("at", state.n))) {
        state.n_refused += 1;
        return refused(401, &json!("Unauthorized"));
    }
    state.n_turns += 1;
    match state.mood {
        Mood::Spent => {
            let error = json!({"code": "SPEND_LIMIT_EXCEEDED", "limit_scope": "user", "budget_period": "day", "limit_usd": 5,
                "spent_usd": 5.1, "resets_at": iso(now_s() + 600), "message": "You have reached your limit of spending."});
            return Reply::json(429, &json!({ "error": error }).to_string());
        }
        Mood::NoCredits => {
            // The error is a text that holds JSON.
            let error = json!({"code": "insufficient_credits", "current_balance": 0, "message": "Buy more."});
            return refused(402, &json!(error.to_string()));
        }
        Mood::Good | Mood::Revoked => {}
    }
    let row = row("cline, by key");
    let door = &row.doors[0];
    let placed = door.placed(row, &request.target).expect("its path");
    let mut judge = Judge::default();
    judge.must(request.header("x-client-type").is_some(), "no x-client-type");
    let body = request.json();
    let asked = door.read(&mut judge, &placed, &body);
    judge.must(row.models.contains(&&*asked.model), format!("there is no model {}", asked.model));
    if !judge.complaints.is_empty() {
        let why = judge.complaints.join("; ");
        state.complaints.extend(judge.complaints);
        return refused(400, &json!(why));
    }
    replied(door.write(&asked, &body, &provider::told(&asked)))
}

async fn fake(mood: Mood, bug: Option<&'static Bug>) -> Fake<State> {
    Fake::start(State { mood, ..State::default() }, bug, answer).await
}

fn config(fake: &Fake<State>) -> LipBuilder {
    let at = fake.origin();
    alone(Lip::builder()).config_toml(&format!(
        "[backends.cline]\ntype = \"cline\"\nbase_url = \"{at}\"\nworkos_base_url = \"{at}\"\n"
    ))
}

/// As Cline writes it.
fn file_of(n: u32, end_s: u64) -> String {
    let auth = json!({"accessToken": format!("workos:{}", token("at", n)), "refreshToken": token("rt", 0), "accountId": "usr-1",
        "expiresAt": end_s * 1000, "metadata": {"provider": "cline", "userInfo": {"email": "somebody@example.test"}}});
    let entry = json!({"settings": {"provider": "cline", "auth": auth}, "tokenSource": "oauth"});
    json!({"version": 1, "lastUsedProvider": "cline", "modes": {}, "providers": {"cline": entry}}).to_string()
}

fn logged_in(fake: &Fake<State>, n: u32, end_s: u64) -> LipBuilder {
    config(fake).file(FILE, &file_of(n, end_s))
}

#[tokio::test]
async fn cline_logs_in_by_a_device_and_serves_all_frontends() {
    let fake = fake(Mood::Good, None).await;
    let lip = config(&fake).start().await;
    assert_eq!(hello(&lip, MODEL).await.status, 401);
    let done = lip.cli("login cline --no-browser").await;
    let shown = done.printed();
    assert!(done.success && shown.contains("AB-CD") && shown.contains("somebody@example.test"), "{shown}");
    let done = all_frontends(&lip, MODEL).await;
    assert_eq!((done, fake.with(|state| state.complaints.clone())), (Ok(()), Vec::new()));
    let lip = lip.stopped().await.start().await;
    let status = hello(&lip, MODEL).await.status;
    assert_eq!((status, fake.with(|state| (state.n_refreshes, state.n_refused))), (200, (0, 0)));
}

#[tokio::test]
async fn cline_serves_with_clines_login_and_leaves_its_file_alone() {
    // A token that has ended, and one that the service has thrown away.
    for (n, end_s, n_refused) in [(0, OVER_S, 0), (7, LATER_S, 1)] {
        let fake = fake(Mood::Good, None).await;
        let lip = logged_in(&fake, n, end_s).start().await;
        assert_eq!(hello(&lip, MODEL).await.status, 200, "{}", lip.stderr());
        let together = tokio::join!(hello(&lip, MODEL), hello(&lip, MODEL));
        assert_eq!([together.0.status, together.1.status], [200; 2], "{}", lip.stderr());
        let heard = |state: &mut State| (state.n_refreshes, state.n_refused, state.complaints.clone());
        assert_eq!(fake.with(heard), (1, n_refused, Vec::new()));
        let lip = lip.stopped().await.start().await;
        assert_eq!(hello(&lip, MODEL).await.status, 200, "{}", lip.stderr());
        assert_eq!(fake.with(heard), (1, n_refused, Vec::new()), "what was renewed is kept");
        let text = std::fs::read_to_string(lip.home().join(FILE)).expect("the file");
        assert_eq!(text, file_of(n, end_s));
    }
}

#[tokio::test]
async fn cline_renews_once_for_all_who_ask_at_the_same_time() {
    let fake = fake(Mood::Good, None).await;
    let lip = logged_in(&fake, 0, OVER_S).start().await;
    let together = tokio::join!(hello(&lip, MODEL), hello(&lip, MODEL), hello(&lip, MODEL));
    assert_eq!([together.0.status, together.1.status, together.2.status], [200; 3], "{}", lip.stderr());
    assert_eq!(fake.with(|state| (state.n_refreshes, state.n_refused)), (1, 0));
}

#[tokio::test]
async fn cline_says_when_a_login_is_no_good_any_more() {
    let fake = fake(Mood::Revoked, None).await;
    let lip = logged_in(&fake, 7, LATER_S).start().await;
    for _ in TONGUES {
        let answer = hello(&lip, MODEL).await;
        assert!(answer.status == 401 && answer.text().contains("lip login"), "{}", answer.text());
    }
    assert_eq!(fake.with(|state| (state.n_refreshes, state.n_refused, state.n_turns)), (1, 1, 0));
    let accounts = lip.cli("accounts").await.stdout;
    assert!(accounts.contains("needs login"), "{accounts}");
    fake.with(|state| state.mood = Mood::Good);
    let done = lip.cli("login cline --no-browser").await;
    assert!(done.success, "{done:?}");
    assert_eq!(hello(&lip, MODEL).await.status, 200, "{}", lip.stderr());
}

#[tokio::test]
async fn cline_says_when_a_limit_or_the_credits_are_used_up() {
    let spent = fake(Mood::Spent, None).await;
    let lip = logged_in(&spent, 0, LATER_S).start().await;
    let answers = [hello(&lip, MODEL).await, hello(&lip, MODEL).await];
    let lip = lip.stopped().await.start().await;
    for answer in answers.iter().chain([&hello(&lip, MODEL).await]) {
        assert!(waits_for_ten_minutes(answer), "{} {}", answer.status, answer.text());
    }
    assert_eq!(spent.with(|state| state.n_turns), 1);

    let poor = fake(Mood::NoCredits, None).await;
    let lip = logged_in(&poor, 0, LATER_S).start().await;
    let answer = hello(&lip, MODEL).await;
    assert!(answer.status == 402 && answer.text().contains("insufficient_credits"), "{}", answer.text());
    assert_eq!(poor.with(|state| (state.n_turns, state.n_refreshes)), (1, 0));
    poor.with(|state| state.mood = Mood::Good);
    assert_eq!(hello(&lip, MODEL).await.status, 200, "whoever pays goes on");
}

fn replaced(request: &mut Recorded, from: &str, to: &str) {
    request.body = String::from_utf8_lossy(&request.body).replace(from, to).into_bytes();
}

/// What a wrong connector would do, in the first turn after a token has ended.
static BUGS: [Bug; 4] = [
    Bug::new("a header left out", |request| {
        request.headers.retain(|(name, _)| name != "x-client-type");
    }),
    Bug::new("another refresh token", |request| replaced(request, "rt-0", "rt-9")),
    Bug::new("no prefix", |request| {
        request.headers.iter_mut().for_each(|(_, value)| *value = value.replace("workos:", ""));
    }),
    Bug::new("another model", |request| replaced(request, "claude-sonnet-5", "claude-9")),
];

#[tokio::test]
async fn cline_bugs_turn_the_story_red() {
    for bug in BUGS.iter().map(Some).chain([None]) {
        let fake = fake(Mood::Good, bug).await;
        let lip = logged_in(&fake, 0, OVER_S).start().await;
        let answer = hello(&lip, MODEL).await;
        let is_red = answer.status != 200 || !fake.with(|state| state.complaints.is_empty());
        assert_eq!(is_red, bug.is_some(), "{:?}: {}", bug.map(|bug| bug.name), answer.text());
    }
}
