//! What wrong connectors would send. The service notices each, for every row.
use super::scene::{First, ROWS, Scene, each, scene, text};
use super::service::Corrupt;
use crate::clients::{Ask, Tongue};
use serde_json::{Value, json};
use stage::Recorded;

/// In turns with Gemini CLI's client.
const OF_CLI: [(&str, Corrupt); 5] = [
    ("one id for all", |request| turn(request, |body| body["user_prompt_id"] = json!("0"))),
    ("another spelling", |request| turn(request, |body| body["userPromptId"] = json!("1"))),
    ("no session", |request| {
        turn(request, |body| drop(body["request"].as_object_mut().and_then(|b| b.remove("session_id"))));
    }),
    ("an envelope of Antigravity", |request| turn(request, |body| body["requestType"] = json!("agent"))),
    ("disguise", |request| {
        request.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("user-agent"));
        request
            .headers
            .push(("user-agent".to_owned(), "GeminiCLI/0.61.0/x (linux; x64; terminal)".to_owned()));
    }),
];

/// In turns with Antigravity's.
const OF_ANTIGRAVITY: [(&str, Corrupt); 5] = [
    ("one id for all", |request| turn(request, |body| body["requestId"] = json!("0"))),
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

/// In turns with both.
const OF_BOTH: [(&str, Corrupt); 4] = [
    ("the project's number", |request| turn(request, |body| body["project"] = json!("123456789012"))),
    ("no project", |request| {
        turn(request, |body| drop(body.as_object_mut().and_then(|b| b.remove("project"))))
    }),
    ("no envelope", |request| turn(request, |body| *body = body["request"].take())),
    ("calls without their signatures", |request| {
        turn(request, |body| body["request"]["contents"][1]["parts"][0]["thoughtSignature"] = json!(null));
    }),
];

/// In renewals.
const OF_TOKENS: [(&str, Corrupt); 3] = [
    ("the old token", |request| {
        renewal(request, |request| request.headers.push(("authorization".to_owned(), "Bearer x".to_owned())));
    }),
    ("JSON", |request| {
        renewal(request, |request| {
            request.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
            request.headers.push(("content-type".to_owned(), "application/json".to_owned()));
        });
    }),
    ("a scope", |request| renewal(request, |request| request.body.extend_from_slice(b"&scope=openid"))),
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

fn renewal(request: &mut Recorded, change: impl FnOnce(&mut Recorded)) {
    if request.target == "/token" {
        change(request);
    }
}

fn complaints(scene: &Scene) -> Vec<String> {
    std::mem::take(&mut scene.service.state().complaints)
}

#[tokio::test(flavor = "multi_thread")]
async fn seeded_bugs_are_noticed() {
    each(&ROWS, async |row| {
        let scene = scene(row, First::Good).await;
        let mut tools = Ask { tools: true, ..scene.ask("list src", false) };
        let answer = scene.lip.send(Tongue::Chat.call(&tools)).await;
        tools.history = Tongue::Chat.result(&answer, "a.txt");
        assert_eq!(scene.tell(Tongue::Chat, &tools).await, Ok(text("It holds a.txt.")));
        let of_row = if row.is_antigravity() { OF_ANTIGRAVITY } else { OF_CLI };
        for (name, corrupt) in of_row.into_iter().chain(OF_BOTH) {
            scene.service.state().bug = Some(corrupt);
            // An id that is used twice is noticed at its second use.
            let told = [scene.tell(Tongue::Chat, &tools).await, scene.tell(Tongue::Chat, &tools).await];
            let is_noticed = !complaints(&scene).is_empty();
            assert!(told[1].is_err() && is_noticed, "{name} is not noticed: {told:?}");
        }
        for (name, corrupt) in OF_TOKENS {
            scene.service.state().bug = Some(corrupt);
            scene.service.state().identity.good.clear();
            scene.hello(Tongue::Chat).await;
            assert!(!complaints(&scene).is_empty(), "{name} is not noticed");
        }
    })
    .await;
}
