//! Selectors, aliases, named routes and headers: where a turn goes, and how one can see it.
use crate::talk::{Tongue, says, ways};
use crate::team::{Chat, Team};
use serde_json::json;
use stage::{Answer, Call, Lip, Reply, Upstream};

fn body(model: &str) -> String {
    json!({"model": model, "messages": [{"role": "user", "content": "hi"}]}).to_string()
}

async fn ask(lip: &Lip, model: &str) -> Answer {
    lip.chat(body(model)).await
}

#[tokio::test]
async fn selector_stands_wherever_a_model_stands() {
    let team = Team::new().await;
    for (tongue, stream) in ways() {
        for (model, backend, sent) in [
            ("anthropic:claude-x", "anthropic", "claude-x"),
            ("openrouter:qwen/qwen3-coder", "openrouter", "qwen/qwen3-coder"),
            ("openai:gpt-5?temperature=0.5", "openai", "gpt-5"),
            ("some-model", "openai", "some-model"),
            ("qwen/coder:free", "openai", "qwen/coder:free"),
        ] {
            if tongue == Tongue::Gemini && model.contains('?') {
                continue; // a question mark ends the path
            }
            let mut chat = Chat::new(&team.lip, tongue, stream);
            chat.model = model.to_owned();
            assert_eq!(chat.say("hi").await, format!("{backend} speaks"), "{tongue:?} {model}");
            let request = team.turns(backend).pop().expect("a turn").json();
            assert_eq!(request["model"], sent, "{tongue:?} {model}");
            if model.contains('?') {
                assert_eq!(request["temperature"], 0.5, "{tongue:?}");
            }
        }
    }
}

#[tokio::test]
async fn answer_says_which_leg_it_is_from_and_the_request_may_choose() {
    let team = Team::new().await;
    assert_eq!(ask(&team.lip, "anything").await.header("x-lip-route"), Some("openai:anything"));
    for (header, leg) in
        [("gemini:g", "gemini:g"), (" anthropic:c | openai:o ", "anthropic:c"), ("", "openai:anything")]
    {
        let call = Call::chat(body("anything")).header("X-LIP-Route", header);
        let answer = team.lip.send(call).await;
        assert_eq!(
            (answer.status, answer.header("x-lip-route")),
            (200, Some(leg)),
            "{header}: {}",
            answer.text()
        );
    }
    assert!(team.provider("openai").last().header("x-lip-route").is_none(), "the header stays here");
    let wrong = team.lip.send(Call::chat(body("anything")).header("x-lip-route", "a:b||c")).await;
    assert_eq!(wrong.status, 400, "{}", wrong.text());
}

#[tokio::test]
async fn mistake_in_a_selector_is_pointed_at() {
    let team = Team::new().await;
    let before = team.counts();
    for (model, column) in
        [("openai:a|", 10), ("openai:a^[weight=0]openai:b", 11), ("[nonsense]openai:a|openai:b", 2)]
    {
        let answer = ask(&team.lip, model).await;
        assert_eq!(answer.status, 400, "{model}: {}", answer.text());
        let message = answer.message();
        let (_, rest) = message.split_once(" at column ").unwrap_or_else(|| panic!("{model}: {message}"));
        let told: usize =
            rest.split(|c: char| !c.is_ascii_digit()).next().and_then(|n| n.parse().ok()).expect("a column");
        assert!(told.abs_diff(column) <= 2, "{model}: {message}");
        let mut lines = message.lines().rev();
        let (caret, echo) = (lines.next().expect("a caret"), lines.next().expect("the text"));
        assert_eq!((caret.trim_start(), echo), ("^", model), "{message}");
        assert_eq!(caret.len(), told, "{message}");
    }
    assert_eq!(
        ask(&team.lip, "opnai:gpt|opnai:x").await.status,
        200,
        "an unknown prefix is part of the name"
    );
    assert_eq!(team.counts().iter().sum::<usize>(), before.iter().sum::<usize>() + 1);
}

#[tokio::test]
async fn operators_routes_and_aliases_hold() {
    let top = r#"
model_aliases = [{ pattern = '^gpt-4(.*)', replacement = 'openrouter:openai/gpt-4\1' }, { pattern = '^both$', replacement = 'best' }]
failover_routes = { best = ["gemini:g", "anthropic:c"] }
"#;
    let team = Team::with(top, |builder| builder).await;
    assert_eq!(ask(&team.lip, "gpt-4o").await.header("x-lip-route"), Some("openrouter:openai/gpt-4o"));
    assert_eq!(ask(&team.lip, "best").await.header("x-lip-route"), Some("gemini:g"));
    assert_eq!(ask(&team.lip, "both").await.header("x-lip-route"), Some("gemini:g"));
    assert_eq!(ask(&team.lip, "gpt-5").await.header("x-lip-route"), Some("openai:gpt-5"));
    let forced = Team::with("static_route = \"gemini:forced\"", |builder| builder).await;
    for model in ["openai:gpt-5", "x", "anthropic:c|openai:o"] {
        assert_eq!(ask(&forced.lip, model).await.header("x-lip-route"), Some("gemini:forced"), "{model}");
    }
    let call = Call::chat(body("x")).header("x-lip-route", "openai:o");
    assert_eq!(forced.lip.send(call).await.header("x-lip-route"), Some("gemini:forced"));
}

#[tokio::test]
async fn fallback_route_follows_for_every_model() {
    let broken = Upstream::always(Reply::json(
        404,
        r#"{"error":{"message":"no model","type":"t","param":null,"code":null}}"#,
    ))
    .await;
    let good = Upstream::by(|request| says(request, "gemini speaks")).await;
    let top = "failover_routes = { default = [\"gemini:g\"] }";
    let team = Team::of(top, vec![("openai", broken), ("gemini", good)], |builder| builder).await;
    let answer = ask(&team.lip, "whatever").await;
    assert_eq!((answer.status, answer.header("x-lip-route")), (200, Some("gemini:g")), "{}", answer.text());
}

#[tokio::test]
async fn bare_name_goes_to_the_backend_that_lists_it() {
    let listing = |models: &'static [&'static str], name: &'static str| {
        Upstream::by(move |request| {
            if request.method != "GET" {
                return says(request, &format!("{name} speaks"));
            }
            let list: Vec<_> = models.iter().map(|id| json!({"id": id, "object": "model"})).collect();
            Reply::json(200, &json!({"object": "list", "data": list}).to_string())
        })
    };
    let providers = vec![
        ("openai", listing(&["a", "shared"], "openai").await),
        ("openrouter", listing(&["b", "shared"], "openrouter").await),
    ];
    let team = Team::of("", providers, |builder| builder).await;
    assert_eq!(team.lip.send(Call::get("/v1/models")).await.status, 200);
    for (model, leg) in
        [("a", "openai:a"), ("b", "openrouter:b"), ("shared", "openai:shared"), ("nobodys", "openai:nobodys")]
    {
        assert_eq!(ask(&team.lip, model).await.header("x-lip-route"), Some(leg), "{model}");
    }
}

#[tokio::test]
async fn weights_divide_the_turns() {
    let team = Team::new().await;
    for _ in 0..60 {
        assert_eq!(ask(&team.lip, "[weight=3]openai:m^[weight=1]openrouter:m").await.status, 200);
    }
    let counts = team.counts();
    assert_eq!(counts[0] + counts[3], 60, "{counts:?}");
    assert!((30..=57).contains(&counts[0]), "three quarters, about: {counts:?}");
}

#[tokio::test]
async fn route_is_explained_without_asking_anybody() {
    let config = "default_backend = \"openai\"\nfailover_routes = { best = [\"openai:o\", \"anthropic:a\"] }\n\
        [backends.openai]\ntype = \"openai\"\napi_key = \"sk-1\"\n[backends.anthropic]\ntype = \"anthropic\"\napi_key = \"sk-2\"\n";
    let run = async |words: &[&str]| {
        let builder = words.iter().fold(Lip::builder(), |builder, word| builder.arg(*word));
        builder.config_toml(config).run().await
    };
    let told = run(&["route", "explain", "best"]).await;
    assert!(told.success, "{told:?}");
    assert_eq!(
        told.stdout,
        "failover, left to right:\n  openai:o\n  anthropic:a\nbecause the request's model is best\nbecause best is a failover route\n"
    );
    let told = run(&["route", "explain", "[weight=2]openai:a^anthropic:b", "--json"]).await;
    let value: serde_json::Value = serde_json::from_str(&told.stdout).expect("JSON");
    assert_eq!(
        value["legs"],
        json!([{"backend": "openai", "model": "a"}, {"backend": "anthropic", "model": "b"}])
    );
    let told = run(&["route", "explain", "openai:a!!anthropic:b"]).await;
    assert!(!told.success, "{told:?}");
    assert!(
        told.stderr.contains("column 10") && told.stderr.contains("\nopenai:a!!anthropic:b\n         ^"),
        "{told:?}"
    );
    let told = run(&["route", "explain", "gemini:x"]).await;
    assert!(!told.success && told.stderr.contains("GEMINI_API_KEY"), "{told:?}");
}
