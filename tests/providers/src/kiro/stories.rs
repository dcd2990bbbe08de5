//! The stories: logins, turns, renewals, quotas, restarts, and damage.
use super::identity::PROFILE;
use super::service::{Corrupt, MODELS, SIGNATURE, Service};
use crate::asked::{Told, USAGE};
use crate::clients::{Ask, TONGUES, Tongue};
use serde_json::{Value, json};
use stage::{CANARY, Call, Lip, LipBuilder, Output, Recorded, bundle, plugins_with};
use std::time::{SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

/// A host with the bundle, in front of the service.
struct Scene {
    service: Service,
    lip: Lip,
    _plugins: TempDir,
}

async fn scene() -> Scene {
    scene_in(Lip::builder(), Service::start().await, NO_FILE).await
}

/// Only accounts that are logged in.
const NO_FILE: &str = "credentials_path = \"\"";

async fn scene_in(builder: LipBuilder, service: Service, config: &str) -> Scene {
    let plugins = plugins_with(&[&bundle("oauth")]);
    let url = service.url();
    let urls = ["base_url", "management_base_url", "oidc_base_url", "social_auth_base_url"];
    let urls: String = urls.iter().map(|key| format!("{key} = \"{url}\"\n")).collect();
    let text = format!(
        "[backends.kiro-oauth-auto]\ntype = \"kiro-oauth-auto\"\n{urls}poll_interval_ms = 1\n{config}\n"
    );
    let lip = builder.plugins_dir(plugins.path()).config_toml(&text).start().await;
    Scene { service, lip, _plugins: plugins }
}

impl Scene {
    async fn log_in(&self, more: &str) -> Output {
        let output = self.lip.cli(&format!("login kiro-oauth-auto --no-browser {more}")).await;
        assert!(output.success, "{}", output.printed());
        output
    }

    async fn ask(&self, tongue: Tongue, ask: &Ask) -> Result<Told, String> {
        tongue.read(ask, &self.lip.send(tongue.call(ask)).await)
    }

    async fn hello(&self, tongue: Tongue) {
        for stream in [false, true] {
            let told = self.ask(tongue, &hello(stream)).await;
            assert_eq!(told, Ok(text("Hello, dear client.")), "{tongue:?}, streamed: {stream}");
        }
    }

    /// The accounts that served, since this was asked last.
    fn served(&self) -> Vec<usize> {
        std::mem::take(&mut self.service.state().turns).into_iter().map(|(account, _)| account).collect()
    }

    fn assert_understood(&self) {
        assert_eq!(self.service.state().complaints, Vec::<String>::new());
    }
}

fn hello(stream: bool) -> Ask {
    let model = "kiro-oauth-auto:claude-sonnet-4-6".to_owned();
    Ask { model, stream, prompt: "hello", ..Ask::default() }
}

fn text(text: &str) -> Told {
    Told { text: text.to_owned(), usage: Some(USAGE), ..Told::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_builder_id_logs_in_and_serves_all_clients() {
    let scene = scene().await;
    let shown = scene.log_in("--account work").await.printed();
    for told in ["https://device.test/?user_code=ABCD-EFGH", "as \"work\"", "terms of service"] {
        assert!(shown.contains(told), "{told}: {shown}");
    }
    for tongue in TONGUES {
        scene.hello(tongue).await;
    }
    scene.assert_understood();
    let state = scene.service.state();
    let is_plain =
        |heard: &super::turns::Heard| heard.profile.is_empty() && heard.model == "claude-sonnet-4.6";
    assert!(state.turns.len() == 8 && state.turns.iter().all(|(_, heard)| is_plain(heard)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_social_account_serves_tools_images_and_reasoning() {
    let scene = scene().await;
    let shown = scene.log_in("--method social -o provider=github").await.printed();
    assert!(shown.contains("https://kiro.test/device") && shown.contains("Github"), "{shown}");
    for tongue in TONGUES {
        let call = Ok(vec![("ls".to_owned(), json!({"path": "src"}))]);
        let mut tools = Ask { prompt: "list src", tools: true, ..hello(true) };
        assert_eq!(scene.ask(tongue, &tools).await.map(|told| told.calls), call, "{tongue:?}");
        tools.stream = false;
        let answer = scene.lip.send(tongue.call(&tools)).await;
        assert_eq!(tongue.read(&tools, &answer).map(|told| told.calls), call, "{tongue:?}");
        tools.history = tongue.result(&answer, "a.txt");
        assert_eq!(scene.ask(tongue, &tools).await, Ok(text("It holds a.txt.")), "{tongue:?}");
        let image = Ask { prompt: "what is this", image: true, ..hello(true) };
        assert_eq!(scene.ask(tongue, &image).await, Ok(text("A red dot.")), "{tongue:?}");
        for model in ["claude-sonnet-4.6", "gpt-5.6-sol"] {
            let model = format!("kiro-oauth-auto:{model}");
            let think = Ask { prompt: "think", thinks: true, model, ..hello(true) };
            let told = scene.ask(tongue, &think).await.expect("an answer");
            let both = (told.reasoning.as_str(), told.text.as_str());
            assert_eq!(both, ("Six times seven.", "Forty-two, after all."), "{tongue:?}");
        }
    }
    scene.assert_understood();
    let state = scene.service.state();
    assert!(state.turns.iter().all(|(_, heard)| heard.profile == PROFILE));
    let efforts = state.turns.iter().map(|(_, heard)| heard.effort.as_str()).filter(|e| !e.is_empty());
    assert_eq!(efforts.collect::<Vec<_>>(), ["high"; 8]);
}

/// What a client of Anthropic keeps of reasoning comes home with Kiro's own signature.
#[tokio::test(flavor = "multi_thread")]
async fn reasoning_goes_back_signed() {
    let scene = scene().await;
    scene.log_in("--method social").await;
    let think = Ask { prompt: "think", thinks: true, ..hello(false) };
    let answer = scene.lip.send(Tongue::Anthropic.call(&think)).await.json();
    let mut body = Tongue::Anthropic.body(&think);
    let more = [
        json!({"role": "assistant", "content": answer["content"]}),
        json!({"role": "user", "content": "think"}),
    ];
    body["messages"].as_array_mut().expect("messages").extend(more);
    let call = Call::post("/v1/messages", body.to_string()).header("anthropic-version", "2023-06-01");
    assert_eq!(scene.lip.send(call).await.status, 200);
    assert_eq!(scene.service.state().turns.last().expect("a turn").1.signatures, [SIGNATURE]);
    scene.assert_understood();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_serves_and_models_are_listed() {
    let scene = scene().await;
    scene.service.state().identity.good.push((format!("{CANARY}ksk"), 7));
    scene.log_in(&format!("--method api-key -o api_key={CANARY}ksk")).await;
    scene.hello(Tongue::Chat).await;
    let list = scene.lip.send(Call::get("/v1/models")).await.json();
    let list = list["data"].as_array().cloned().unwrap_or_default();
    let ids: Vec<&str> = list.iter().filter_map(|model| model["id"].as_str()).collect();
    for model in MODELS {
        assert!(ids.contains(&format!("kiro-oauth-auto:{model}").as_str()), "{ids:?}");
    }
    assert_eq!(scene.served(), [7, 7]);
    scene.assert_understood();
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_renewed_when_they_end_and_when_they_are_refused() {
    let scene = scene().await;
    // The first token has ended when it comes.
    scene.service.state().identity.life_s = vec![0];
    scene.log_in("").await;
    scene.hello(Tongue::Chat).await;
    assert_eq!(scene.service.state().identity.n_renewed, 1);
    // The next one is refused long before its end.
    for (n, tongue) in TONGUES.into_iter().enumerate() {
        scene.service.state().identity.good.clear();
        scene.hello(tongue).await;
        assert_eq!(scene.service.state().identity.n_renewed, n + 2);
    }
    scene.assert_understood();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_of_the_ide_serves_where_it_stands() {
    const FILE: &str = ".aws/sso/cache/kiro-auth-token.json";
    let ide = json!({
        "accessToken": format!("{CANARY}ended"), "refreshToken": format!("{CANARY}ide"), "expiresAt": "2020-01-01T00:00:00.000Z",
        "authMethod": "social", "provider": "Google", "profileArn": PROFILE, "of the IDE": {"own": [1]},
    });
    let service = Service::start().await;
    service.state().identity.refresh.push((format!("{CANARY}ide"), 9));
    let builder = Lip::builder().file(FILE, &ide.to_string());
    let scene = scene_in(builder, service, "writable = true").await;
    scene.hello(Tongue::Responses).await;
    assert_eq!((scene.served(), scene.service.state().identity.n_renewed), (vec![9, 9], 1));
    let file = std::fs::read(scene.lip.home().join(FILE)).expect("the IDE's file");
    let mut file: Value = serde_json::from_slice(&file).expect("JSON");
    assert_eq!(file["accessToken"], format!("{CANARY}access-1"));
    assert_eq!(file["refreshToken"], format!("{CANARY}refresh-1"));
    assert!(file["expiresAt"].as_str().is_some_and(|at| at > "2026"), "{}", file["expiresAt"]);
    for key in ["accessToken", "refreshToken", "expiresAt"] {
        file[key] = ide[key].clone();
    }
    assert_eq!(file, ide);
    scene.assert_understood();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_account_needs_a_new_login() {
    let scene = scene().await;
    scene.log_in("--account work").await;
    scene.service.state().identity.good.clear();
    scene.service.state().identity.is_revoked = true;
    for tongue in TONGUES {
        let answer = scene.lip.send(tongue.call(&hello(true))).await;
        assert_eq!(answer.status, 401, "{tongue:?} {}", answer.text());
        assert!(answer.text().contains("lip login"), "{tongue:?} {}", answer.text());
    }
    let accounts = scene.lip.cli("accounts").await.stdout;
    assert!(accounts.contains("needs login"), "{accounts}");
    scene.service.state().identity.is_revoked = false;
    scene.log_in("--account work").await;
    scene.hello(Tongue::Chat).await;
    scene.assert_understood();
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_take_turns_when_a_month_is_used_up_also_after_a_restart() {
    let first = scene().await;
    first.log_in("--account a").await;
    first.log_in("--account b").await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs();
    first.service.state().resets_at = now + 5_000;
    first.hello(Tongue::Chat).await;
    let served = first.served();
    let one = served[0];
    assert_eq!(served, [one, one]);
    first.service.state().used_up = vec![one];
    for tongue in TONGUES {
        first.hello(tongue).await;
    }
    let served = first.served();
    let two = served[0];
    assert!(two != one && served == [two; 8], "{served:?}");
    // A host that starts anew knows who rests, and needs no login.
    let Scene { service, lip, _plugins } = first;
    let second = scene_in(lip.stopped().await, service, NO_FILE).await;
    let n_before = second.service.upstream.requests().len();
    second.hello(Tongue::Gemini).await;
    let n_asked = second.service.upstream.requests().len() - n_before;
    assert_eq!((second.served(), n_asked), (vec![two, two], 2));
    second.service.state().used_up.push(two);
    for tongue in TONGUES {
        let answer = second.lip.send(tongue.call(&hello(true))).await;
        assert_eq!(answer.status, 429, "{tongue:?} {}", answer.text());
        let wait = answer.header("retry-after").and_then(|value| value.parse::<u64>().ok());
        assert!(wait.is_some_and(|wait| (4_000..=5_001).contains(&wait)), "{tongue:?} {wait:?}");
    }
    second.assert_understood();
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_and_short_answers_never_look_finished() {
    let scene = scene().await;
    scene.log_in("").await;
    for tongue in TONGUES {
        for prompt in ["cut", "throw"] {
            let ask = Ask { prompt, ..hello(true) };
            let answer = scene.lip.send(tongue.call(&ask)).await;
            assert!(tongue.read(&ask, &answer).is_err(), "{tongue:?} {prompt}: {}", answer.text());
        }
    }
    // Without Kiro's end mark the answer counts as one that was too long.
    let short = Ask { prompt: "short", ..hello(false) };
    let answer = scene.lip.send(Tongue::Chat.call(&short)).await.json();
    assert_eq!(answer["choices"][0]["finish_reason"], "length");
    let unknown = Ask { model: "kiro-oauth-auto:no-such-model".to_owned(), ..hello(false) };
    let answer = scene.lip.send(Tongue::Chat.call(&unknown)).await;
    assert_eq!(answer.status, 404, "{}", answer.text());
    scene.assert_understood();
}

/// What a wrong connector would send.
const BUGS: [(&str, Corrupt); 8] = [
    ("an invented profile", |request| body(request, |body| body["profileArn"] = json!("arn:x"))),
    ("another trigger", |request| state(request, |state| state["chatTriggerType"] = json!("AUTO"))),
    ("another model in the history", |request| {
        state(request, |state| state["history"][0]["userInputMessage"]["modelId"] = json!("auto"));
    }),
    ("a history that ends with the user", |request| {
        state(request, |state| drop(state["history"].as_array_mut().and_then(Vec::pop)));
    }),
    ("a call without its result", |request| context(request, |context| context["toolResults"] = json!([]))),
    ("a null in a schema", |request| {
        context(request, |context| {
            let schema = &mut context["tools"][0]["toolSpecification"]["inputSchema"]["json"];
            schema["properties"]["path"]["default"] = json!(null);
        });
    }),
    ("sampling", |request| body(request, |body| body["inferenceConfig"] = json!({"temperature": 1}))),
    ("content that is shared", |request| {
        request.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("x-amzn-codewhisperer-optout"));
    }),
];

/// Changes the body of turns that have a history.
fn body(request: &mut Recorded, change: impl FnOnce(&mut Value)) {
    let parsed = serde_json::from_slice::<Value>(&request.body);
    let turn = parsed.ok().filter(|body| !body["conversationState"]["history"].is_null());
    if let Some(mut body) = turn {
        change(&mut body);
        request.body = body.to_string().into_bytes();
    }
}

fn state(request: &mut Recorded, change: fn(&mut Value)) {
    body(request, |body| change(&mut body["conversationState"]));
}

fn context(request: &mut Recorded, change: fn(&mut Value)) {
    body(request, |body| {
        let message = &mut body["conversationState"]["currentMessage"]["userInputMessage"];
        change(&mut message["userInputMessageContext"]);
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn seeded_bugs_are_noticed() {
    let scene = scene_in(Lip::builder(), Service::start().await, "endpoints = [\"runtime\"]").await;
    scene.log_in("--method social").await;
    let mut tools = Ask { prompt: "list src", tools: true, ..hello(false) };
    let answer = scene.lip.send(Tongue::Chat.call(&tools)).await;
    tools.history = Tongue::Chat.result(&answer, "a.txt");
    assert_eq!(scene.ask(Tongue::Chat, &tools).await, Ok(text("It holds a.txt.")));
    for (name, corrupt) in BUGS {
        scene.service.state().bug = Some(corrupt);
        let told = scene.ask(Tongue::Chat, &tools).await;
        let complaints = std::mem::take(&mut scene.service.state().complaints);
        assert!(told.is_err() && !complaints.is_empty(), "{name} is not noticed: {told:?}");
    }
}
