//! The stories: accounts of Gemini CLI and of our own, projects, renewals, quotas, restarts, and damage.
use super::identity::{SECRET, browse};
use super::projects::TEAM;
use super::service::{Corrupt, Service};
use crate::asked::{Told, USAGE};
use crate::clients::{Ask, TONGUES, Tongue};
use serde_json::{Value, json};
use stage::{CANARY, Lip, LipBuilder, Recorded, bundle, plugins_of};
use tempfile::TempDir;

const CLI: &str = "681255809395-oo8ft2oprdrnp9e3aqf6av3hmdib135j.apps.googleusercontent.com";
const ANTIGRAVITY: &str = "1071006060591-tmhssin2h21lcre235vtolojh4g403ep.apps.googleusercontent.com";
const FILE: &str = ".gemini/oauth_creds.json";

/// A host with the bundle, in front of the service.
struct Scene {
    id: &'static str,
    service: Service,
    lip: Lip,
    _plugins: TempDir,
}

/// When a token ends that is good for as long as a story takes.
const FAR: u64 = 4_000_000_000_000;

/// A host whose `id` is configured and whose user has logged in to Gemini CLI, with a token until `expiry_ms`.
async fn scene(id: &'static str, expiry_ms: u64) -> Scene {
    let service = Service::start(CLI).await;
    service.state().identity.good.push((format!("{CANARY}access-0"), 1));
    service.state().identity.refresh.push((format!("{CANARY}refresh-0"), 1));
    let file = json!({"access_token": format!("{CANARY}access-0"), "refresh_token": format!("{CANARY}refresh-0"),
        "token_type": "Bearer", "scope": "s", "expiry_date": expiry_ms, "mine": {"z": 1}});
    let builder = Lip::builder().file(FILE, &file.to_string());
    let builder = if id == "gemini-cli-cloud-project" {
        builder.args(&format!("--google-cloud-project {TEAM}"))
    } else {
        builder
    };
    scene_in(id, builder, service, "").await
}

async fn scene_in(id: &'static str, builder: LipBuilder, service: Service, config: &str) -> Scene {
    // These two libraries and no others: each start of a host looks at all that are there.
    let (plugins, oauth) = (plugins_of(&["gcp"]), bundle("oauth"));
    std::fs::copy(&oauth, plugins.path().join(oauth.file_name().expect("a name"))).expect("a copy");
    let url = service.url();
    let mut urls = format!("base_url = \"{url}\"\ntoken_url = \"{url}/token\"\n");
    if ["gemini-oauth-auto", "antigravity-oauth"].contains(&id) {
        urls += &format!("auth_url = \"{url}/auth\"\nuserinfo_url = \"{url}/userinfo\"\n");
    }
    let text = format!("[backends.{id}]\ntype = \"{id}\"\n{urls}operation_poll_ms = 1\n{config}\n");
    let builder = builder.env("GEMINI_CLI_CLIENT_SECRET", SECRET).env("ANTIGRAVITY_CLIENT_SECRET", SECRET);
    let lip = builder.plugins_dir(plugins.path()).config_toml(&text).start().await;
    Scene { id, service, lip, _plugins: plugins }
}

impl Scene {
    /// `lip login` with a browser, whose person consents.
    async fn log_in(&self, account: &str) {
        let command = format!("login {} --no-browser --account {account}", self.id);
        let act = async |printed: String| {
            let start = format!("{}/auth?", self.service.url());
            let url = printed.split_whitespace().find(|word| word.starts_with(&start)).expect("an address");
            let mut judge = crate::judge::Judge::default();
            let (redirect, query) = self.service.state().identity.consent(&mut judge, url);
            assert_eq!(judge.complaints, Vec::<String>::new(), "{url}");
            browse(&redirect, &query).await;
        };
        let output = self.lip.cli_while(&command, "Waiting for you", act).await;
        assert!(output.success, "{}", output.printed());
        assert!(output.printed().contains("@example.test"), "{}", output.printed());
    }

    fn ask(&self, prompt: &'static str, stream: bool) -> Ask {
        let model = format!("{}:gemini-3-pro-preview", self.id);
        Ask { model, stream, prompt, ..Ask::default() }
    }

    async fn tell(&self, tongue: Tongue, ask: &Ask) -> Result<Told, String> {
        tongue.read(ask, &self.lip.send(tongue.call(ask)).await)
    }

    async fn hello(&self, tongue: Tongue) {
        for stream in [false, true] {
            let told = self.tell(tongue, &self.ask("hello", stream)).await;
            assert_eq!(told, Ok(text("Hello, dear client.")), "{tongue:?}, streamed: {stream}");
        }
    }

    /// Tools, there and back, and reasoning.
    async fn work(&self, tongue: Tongue) {
        let call = Ok(vec![("ls".to_owned(), json!({"path": "src"}))]);
        let mut tools = Ask { tools: true, ..self.ask("list src", true) };
        assert_eq!(self.tell(tongue, &tools).await.map(|told| told.calls), call, "{tongue:?}");
        tools.stream = false;
        let answer = self.lip.send(tongue.call(&tools)).await;
        assert_eq!(tongue.read(&tools, &answer).map(|told| told.calls), call, "{tongue:?}");
        tools.history = tongue.result(&answer, "a.txt");
        tools.stream = true;
        assert_eq!(self.tell(tongue, &tools).await, Ok(text("It holds a.txt.")), "{tongue:?}");
        let think = Ask { thinks: true, ..self.ask("think", true) };
        let told = self.tell(tongue, &think).await.expect("an answer");
        let both = (told.reasoning.as_str(), told.text.as_str());
        assert_eq!(both, ("Six times seven.", "Forty-two, after all."), "{tongue:?}");
    }

    /// The accounts that served, since this was asked last.
    fn served(&self) -> Vec<usize> {
        std::mem::take(&mut self.service.state().turns).into_iter().map(|(account, _)| account).collect()
    }

    fn assert_understood(&self) {
        assert_eq!(self.service.state().complaints, Vec::<String>::new());
    }
}

fn text(text: &str) -> Told {
    Told { text: text.to_owned(), usage: Some(USAGE), ..Told::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn gemini_clis_account_serves_all_clients() {
    for (id, project) in
        [("gemini-cli-cloud-project", TEAM), ("gemini-oauth-plan", "auto-1"), ("gemini-oauth-free", "auto-1")]
    {
        let scene = scene(id, FAR).await;
        for tongue in TONGUES {
            scene.hello(tongue).await;
            if project == TEAM {
                scene.work(tongue).await;
            }
        }
        scene.assert_understood();
        assert_eq!(scene.service.state().projects.known, [(1, project.to_owned())]);
        // The project is known from then on, also to a host that starts anew.
        let Scene { service, lip, _plugins, .. } = scene;
        let again = scene_in(id, lip.stopped().await, service, "").await;
        again.hello(Tongue::Chat).await;
        assert_eq!(again.service.state().projects.n_asked, 1, "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_renewed_where_gemini_cli_keeps_them() {
    let scene = scene("gemini-cli-cloud-project", 1_000).await;
    // The first token has ended before anybody asks: it is not tried.
    scene.hello(Tongue::Chat).await;
    assert_eq!(scene.service.n_renewed_and_refused(), (1, 0));
    // All others are refused long before their end.
    for tongue in TONGUES {
        scene.service.state().identity.good.clear();
        scene.hello(tongue).await;
    }
    assert_eq!(scene.service.n_renewed_and_refused(), (5, 4));
    let file = std::fs::read_to_string(scene.lip.home().join(FILE)).expect("the file");
    let file: Value = serde_json::from_str(&file).expect("JSON");
    assert_eq!(file["access_token"], format!("{CANARY}access-5"));
    assert_eq!(
        (&file["refresh_token"], &file["mine"]),
        (&json!(format!("{CANARY}refresh-0")), &json!({"z": 1}))
    );
    scene.assert_understood();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_account_needs_a_new_login() {
    let scene = scene("gemini-oauth-plan", FAR).await;
    scene.service.state().identity.good.clear();
    scene.service.state().identity.is_revoked = true;
    for tongue in TONGUES {
        let answer = scene.lip.send(tongue.call(&scene.ask("hello", true))).await;
        assert_eq!(answer.status, 401, "{tongue:?} {}", answer.text());
    }
    let accounts = scene.lip.cli("accounts").await.stdout;
    assert!(accounts.contains("needs login"), "{accounts}");
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_of_our_own_take_turns_also_after_a_restart() {
    for (id, client) in [("gemini-oauth-auto", CLI), ("antigravity-oauth", ANTIGRAVITY)] {
        let first = scene_in(id, Lip::builder(), Service::start(client).await, "").await;
        first.log_in("a").await;
        first.log_in("b").await;
        first.hello(Tongue::Chat).await;
        let one = first.served()[0];
        first.service.state().used_up = vec![one];
        for tongue in TONGUES {
            first.hello(tongue).await;
            if client == ANTIGRAVITY {
                first.work(tongue).await;
            }
        }
        let served = first.served();
        let two = served[0];
        assert!(two != one && served.iter().all(|account| *account == two), "{served:?}");
        first.assert_understood();
        // A host that starts anew knows who rests, and needs no login.
        let Scene { service, lip, _plugins, .. } = first;
        let second = scene_in(id, lip.stopped().await, service, "").await;
        second.hello(Tongue::Gemini).await;
        assert_eq!(second.served(), [two, two]);
        second.service.state().used_up.push(two);
        for tongue in TONGUES {
            let answer = second.lip.send(tongue.call(&second.ask("hello", true))).await;
            assert_eq!(answer.status, 429, "{tongue:?} {}", answer.text());
            let wait = answer.header("retry-after").and_then(|value| value.parse::<u64>().ok());
            assert!(wait.is_some_and(|wait| (4_000..=5_001).contains(&wait)), "{tongue:?} {wait:?}");
        }
        second.assert_understood();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_off_never_looks_finished() {
    let scene = scene("gemini-cli-cloud-project", FAR).await;
    for tongue in TONGUES {
        for prompt in ["cut", "fail"] {
            let ask = scene.ask(prompt, true);
            let answer = scene.lip.send(tongue.call(&ask)).await;
            assert!(tongue.read(&ask, &answer).is_err(), "{tongue:?} {prompt}: {}", answer.text());
        }
    }
    scene.assert_understood();
}

/// What a wrong connector would send.
const BUGS: [(&str, Corrupt); 8] = [
    ("the project's number", |request| turn(request, |body| body["project"] = json!("123456789012"))),
    ("no project", |request| {
        turn(request, |body| drop(body.as_object_mut().and_then(|b| b.remove("project"))))
    }),
    ("one id for all", |request| turn(request, |body| body["user_prompt_id"] = json!("0"))),
    ("another spelling", |request| turn(request, |body| body["userPromptId"] = json!("1"))),
    ("no session", |request| {
        turn(request, |body| drop(body["request"].as_object_mut().and_then(|b| b.remove("session_id"))));
    }),
    ("no envelope", |request| turn(request, |body| *body = body["request"].take())),
    ("calls without their signatures", |request| {
        turn(request, |body| body["request"]["contents"][1]["parts"][0]["thoughtSignature"] = json!(null));
    }),
    ("disguise", |request| {
        request.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("user-agent"));
        request
            .headers
            .push(("user-agent".to_owned(), "GeminiCLI/0.61.0/x (linux; x64; terminal)".to_owned()));
    }),
];

/// What one for Antigravity would.
const BUGS_OF_ANTIGRAVITY: [(&str, Corrupt); 4] = [
    ("another kind", |request| turn(request, |body| body["requestType"] = json!("chat"))),
    ("a limit", |request| {
        turn(request, |body| body["request"]["generationConfig"] = json!({"maxOutputTokens": 9}))
    }),
    ("another name of schemas", |request| {
        turn(request, |body| {
            body["request"]["tools"][0]["functionDeclarations"][0]["parametersJsonSchema"] = json!({});
        });
    }),
    ("settings of safety", |request| turn(request, |body| body["request"]["safety_settings"] = json!([]))),
];

/// Changes the body of turns.
fn turn(request: &mut Recorded, change: impl FnOnce(&mut Value)) {
    if !request.target.contains("enerateContent") {
        return;
    }
    let mut body = serde_json::from_slice(&request.body).expect("JSON");
    change(&mut body);
    request.body = body.to_string().into_bytes();
}

async fn assert_noticed(scene: &Scene, bugs: &[(&str, Corrupt)]) {
    let mut tools = Ask { tools: true, ..scene.ask("list src", false) };
    let answer = scene.lip.send(Tongue::Chat.call(&tools)).await;
    tools.history = Tongue::Chat.result(&answer, "a.txt");
    assert_eq!(scene.tell(Tongue::Chat, &tools).await, Ok(text("It holds a.txt.")));
    for (name, corrupt) in bugs {
        scene.service.state().bug = Some(*corrupt);
        // An id that is used twice is noticed at its second use.
        let told = [scene.tell(Tongue::Chat, &tools).await, scene.tell(Tongue::Chat, &tools).await];
        let complaints = std::mem::take(&mut scene.service.state().complaints);
        assert!(told[1].is_err() && !complaints.is_empty(), "{name} is not noticed: {told:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn seeded_bugs_are_noticed() {
    assert_noticed(&scene("gemini-cli-cloud-project", FAR).await, &BUGS).await;
    let service = Service::start(ANTIGRAVITY).await;
    service.state().identity.good.push((format!("{CANARY}access-0"), 1));
    let token = json!({"token": {"access_token": format!("{CANARY}access-0"), "token_type": "Bearer",
        "refresh_token": format!("{CANARY}refresh-0"), "expiry": "2100-01-01T00:00:00.5Z"}, "auth_method": "consumer"});
    let builder = Lip::builder().file(".gemini/antigravity-cli/antigravity-oauth-token", &token.to_string());
    let scene = scene_in("antigravity-oauth", builder, service, "").await;
    assert_noticed(&scene, &BUGS_OF_ANTIGRAVITY).await;
}
