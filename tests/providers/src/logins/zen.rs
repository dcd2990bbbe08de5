//! OpenCode Zen with the login of OpenCode. Source: github.com/anomalyco/opencode, packages/console/app/src/routes/zen (its server) and
//! packages/opencode/src/auth (its file).
use super::{Fake, LATER_S, OVER_S, all_frontends, alone, hello, replied, row, waits_for_ten_minutes};
use crate::bugs::Bug;
use crate::clients::TONGUES;
use crate::judge::Judge;
use crate::provider;
use crate::rows::Auth;
use serde_json::json;
use stage::{CANARY, Lip, LipBuilder, Recorded, Reply};
use std::path::PathBuf;

const MODEL: &str = "opencode-zen:glm-5.2";
/// One of each dialect.
const MODELS: [&str; 4] =
    [MODEL, "opencode-zen:claude-sonnet-5", "opencode-zen:gpt-5.5", "opencode-zen:gemini-3-flash"];
/// In its data directory.
const FILE: &str = "opencode/auth.json";

#[derive(Default)]
struct State {
    /// The token in force has this number.
    n: u32,
    /// Requests of any kind, and those of them whose token was refused.
    n_asked: u32,
    n_refused: u32,
    /// How turns are refused: status and the error's type.
    refuses: Option<(u16, &'static str)>,
    /// OpenCode's file, which gets the token in force when an old one is refused.
    renews: Option<PathBuf>,
    complaints: Vec<String>,
}

fn token(n: u32) -> String {
    format!("{CANARY}zen-{n}")
}

/// As OpenCode writes it after `opencode auth login`.
fn file_of(n: u32, end_s: u64) -> String {
    let own = json!({"type": "oauth", "access": token(n), "refresh": format!("{CANARY}zr"), "expires": end_s * 1000 + 1});
    json!({"anthropic": {"type": "api", "key": format!("{CANARY}other")}, "opencode": own}).to_string()
}

fn refused(status: u16, kind: &str) -> Reply {
    let error = json!({"type": kind, "message": "the simulated Zen refuses"});
    let reply = Reply::status(status).header("Content-Type", "application/json");
    let reply = if status == 429 { reply.header("Retry-After", "600") } else { reply };
    reply.full(json!({"type": "error", "error": error}).to_string())
}

fn answer(state: &mut State, request: &Recorded) -> Reply {
    state.n_asked += 1;
    let row = row("opencode-zen");
    let found = row.doors.iter().find_map(|door| Some((door, door.placed(row, &request.target)?)));
    let Some((door, placed)) = found.filter(|_| request.method == "POST") else {
        state.complaints.push(format!("there is no {} {}", request.method, request.target));
        return refused(404, "error");
    };
    let (name, prefix) = match door.auth {
        Auth::Header(name) => (name, ""),
        Auth::Bearer | Auth::None => ("authorization", "Bearer "),
    };
    if request.header(name) != Some(&format!("{prefix}{}", token(state.n))) {
        state.n_refused += 1;
        if let Some(file) = &state.renews {
            std::fs::write(file, file_of(state.n, LATER_S)).expect("a file");
        }
        return refused(401, "AuthError");
    }
    if let Some((status, kind)) = state.refuses {
        return refused(status, kind);
    }
    let mut judge = Judge::default();
    if request.header("x-opencode-session").is_none_or(str::is_empty) {
        state.complaints.push("no session".to_owned());
        return refused(400, "MissingSessionID");
    }
    let body = request.json();
    let asked = door.read(&mut judge, &placed, &body);
    judge.must(row.models.contains(&&*asked.model), format!("there is no model {}", asked.model));
    if !judge.complaints.is_empty() {
        state.complaints.extend(judge.complaints);
        return refused(400, "error");
    }
    replied(door.write(&asked, &body, &provider::told(&asked)))
}

async fn fake(state: State, bug: Option<&'static Bug>) -> Fake<State> {
    Fake::start(state, bug, answer).await
}

fn config(fake: &Fake<State>) -> LipBuilder {
    alone(Lip::builder()).config_toml(&format!(
        "[backends.opencode-zen]\ntype = \"opencode-zen\"\nbase_url = \"{}/zen/v1\"\n",
        fake.origin()
    ))
}

fn logged_in(fake: &Fake<State>, end_s: u64) -> LipBuilder {
    config(fake).file(FILE, &file_of(0, end_s))
}

/// How often it was asked, how many of that with a token that it refuses, and what was wrong.
fn heard(fake: &Fake<State>) -> (u32, u32, Vec<String>) {
    fake.with(|state| (state.n_asked, state.n_refused, state.complaints.clone()))
}

#[tokio::test]
async fn zen_serves_all_frontends_with_opencodes_login() {
    let fake = fake(State::default(), None).await;
    let lip = config(&fake).start().await;
    let missing = hello(&lip, MODEL).await;
    assert!(missing.status == 401 && missing.text().contains("opencode auth login"), "{}", missing.text());
    // Only OpenCode itself logs in.
    let told = lip.cli("login opencode-zen --no-browser").await;
    assert!(!told.success && told.printed().contains("opencode auth login"), "{told:?}");
    let lip = lip.stopped().await.file(FILE, &file_of(0, LATER_S)).start().await;
    for model in MODELS {
        assert_eq!((all_frontends(&lip, model).await, heard(&fake).2), (Ok(()), Vec::new()), "{model}");
    }
    let text = std::fs::read_to_string(lip.home().join(FILE)).expect("the file");
    assert_eq!(text, file_of(0, LATER_S), "it is OpenCode's and stays as it is");
    let lip = lip.stopped().await.start().await;
    assert_eq!((hello(&lip, MODEL).await.status, heard(&fake).1), (200, 0));
}

#[tokio::test]
async fn zen_serves_with_each_kind_of_entry() {
    for entry in [
        json!({"type": "api", "key": token(0)}),
        json!({"type": "wellknown", "key": "ENVNAME", "token": token(0)}),
    ] {
        let fake = fake(State::default(), None).await;
        let file = json!({ "opencode": entry }).to_string();
        let lip = config(&fake).file(FILE, &file).start().await;
        for model in MODELS {
            assert_eq!(hello(&lip, model).await.status, 200, "{entry}: {}", lip.stderr());
        }
        assert_eq!(heard(&fake), (4, 0, Vec::new()));
    }
}

#[tokio::test]
async fn zen_reads_the_file_again_when_a_token_is_refused_or_over() {
    // OpenCode renews while the old token is on its way.
    let refusing = fake(State { n: 1, ..State::default() }, None).await;
    let builder = logged_in(&refusing, LATER_S);
    refusing.with(|state| state.renews = Some(builder.home().join(FILE)));
    let lip = builder.start().await;
    let all = [hello(&lip, MODEL).await.status, hello(&lip, MODEL).await.status];
    assert_eq!((all, heard(&refusing)), ([200; 2], (3, 1, Vec::new())), "{}", lip.stderr());

    // What is over is not sent; what OpenCode writes then is, a moment later.
    let over = fake(State { n: 1, ..State::default() }, None).await;
    let lip = logged_in(&over, OVER_S).start().await;
    let answer = hello(&lip, MODEL).await;
    assert!(answer.status == 401 && answer.text().contains("opencode auth login"), "{}", answer.text());
    assert_eq!(heard(&over), (0, 0, Vec::new()));
    std::fs::write(lip.home().join(FILE), file_of(1, LATER_S)).expect("a file");
    let noticed = async { while hello(&lip, MODEL).await.status == 401 {} };
    stage::within("a look at the file", noticed).await;
    assert_eq!(heard(&over), (1, 0, Vec::new()), "{}", lip.stderr());
}

#[tokio::test]
async fn zen_says_when_a_login_is_no_good_any_more() {
    let fake = fake(State { n: 1, ..State::default() }, None).await;
    let lip = logged_in(&fake, LATER_S).start().await;
    for _ in TONGUES {
        let answer = hello(&lip, MODEL).await;
        assert!(answer.status == 401 && answer.text().contains("opencode auth login"), "{}", answer.text());
    }
    assert_eq!(heard(&fake), (1, 1, Vec::new()), "nobody asks again with it");
    let accounts = lip.cli("accounts").await.stdout;
    assert!(accounts.contains("needs login"), "{accounts}");
}

#[tokio::test]
async fn zen_tells_credits_and_quotas_from_bad_tokens() {
    for (refuses, status, n_asked) in [
        ((401, "CreditsError"), 402, 2),
        ((401, "ModelError"), 404, 2),
        ((429, "FreeUsageLimitError"), 429, 1),
    ] {
        let fake = fake(State { refuses: Some(refuses), ..State::default() }, None).await;
        let lip = logged_in(&fake, LATER_S).start().await;
        for _ in 0..2 {
            let answer = hello(&lip, MODEL).await;
            assert_eq!(answer.status, status, "{refuses:?}: {}", answer.text());
            assert_eq!(waits_for_ten_minutes(&answer), status == 429, "{refuses:?}: {}", answer.text());
        }
        assert_eq!(heard(&fake), (n_asked, 0, Vec::new()), "{refuses:?}");
        let accounts = lip.cli("accounts").await.stdout;
        assert!(!accounts.contains("needs login"), "{refuses:?}: {accounts}");
        fake.with(|state| state.refuses = None);
        // What is used up stays so for a host that starts anew.
        let lip = lip.stopped().await.start().await;
        let expected = if status == 429 { 429 } else { 200 };
        assert_eq!(hello(&lip, MODEL).await.status, expected, "{refuses:?}: {}", lip.stderr());
    }
}

/// What a wrong connector would do.
static BUGS: [Bug; 4] = [
    Bug::new("no session", |request| request.headers.retain(|(name, _)| name != "x-opencode-session")),
    Bug::new("no prefix", |request| {
        request.headers.iter_mut().for_each(|(_, value)| *value = value.replace("Bearer ", ""));
    }),
    Bug::new("the place of Go", |request| request.target = request.target.replace("/zen/", "/zen/go/")),
    Bug::new("another model", |request| {
        request.body = String::from_utf8_lossy(&request.body).replace("glm-5.2", "glm-9").into_bytes();
    }),
];

#[tokio::test]
async fn zen_bugs_turn_the_story_red() {
    for bug in BUGS.iter().map(Some).chain([None]) {
        let fake = fake(State::default(), bug).await;
        let lip = logged_in(&fake, LATER_S).start().await;
        let answer = hello(&lip, MODEL).await;
        let is_red = answer.status != 200 || !heard(&fake).2.is_empty();
        assert_eq!(is_red, bug.is_some(), "{:?}: {}", bug.map(|bug| bug.name), answer.text());
    }
}
