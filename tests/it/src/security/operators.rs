//! Keys that are no operator's: what they may hear of others' turns and of the host, and what they may do to it.
use super::scene::Scene;
use access::KeyHash;
use serde_json::{Value, json};
use stage::{Answer, Call};

const ALICE: &str = "canary-alice-0123456789abcdef";
const BOB: &str = "canary-bob-0123456789abcdef";
const OLGA: &str = "canary-olga-0123456789abcdef";
/// What only an operator may ask for or do.
const OF_OPERATORS: [(&str, &str); 9] = [
    ("GET", "/v1/diagnostics"),
    ("GET", "/v1/diagnostics/accounts"),
    ("GET", "/v1/diagnostics/agents"),
    ("GET", "/v1/diagnostics/plugins"),
    ("GET", "/metrics"),
    ("POST", "/v1/diagnostics/agents/1/stop"),
    ("POST", "/v1/diagnostics/backends/openai/reactivate"),
    ("POST", "/v1/diagnostics/plugins/reload"),
    ("POST", "/v1/diagnostics/config/reload"),
];

/// Alice, Bob, and Olga, who is an operator; each has sent a turn.
async fn scene() -> Scene {
    let key =
        |name: &str, key: &str| format!("[auth.keys.{name}]\nhash = \"{}\"\n", KeyHash::of(key.as_bytes()));
    let top = format!("{}{}{}operator = true\n", key("alice", ALICE), key("bob", BOB), key("olga", OLGA));
    let scene = Scene::with(&top, |builder| builder).await;
    for (name, key) in [("alice", ALICE), ("bob", BOB), ("olga", OLGA)] {
        let body =
            json!({"model": format!("openai:of-{name}"), "messages": [{"role": "user", "content": "hi"}]});
        let answer = scene.lip.send(Call::chat(body.to_string()).bearer(key)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    scene
}

async fn ask(scene: &Scene, target: &str, key: &str) -> Answer {
    scene.lip.send(Call::get(target).bearer(key)).await
}

/// As many turns as the ledger has to have: rows are written behind the turns.
async fn turns(scene: &Scene, target: &str, key: &str, n: usize) -> Vec<Value> {
    loop {
        let told = ask(scene, target, key).await.json();
        let turns = told["turns"].as_array().expect("turns").clone();
        if turns.len() >= n {
            return turns;
        }
    }
}

super::attempts! {
    async fn turns_of_another_client() {
        let scene = scene().await;
        for (key, own, others) in [(ALICE, "of-alice", ["of-bob", "of-olga"]), (BOB, "of-bob", ["of-alice", "of-olga"])] {
            for target in ["/ui/feed/turns", "/ui/feed/turns?after=0", "/v1/diagnostics/activity"] {
                let answer = ask(&scene, target, key).await;
                assert_eq!(answer.status, 200, "{target}: {}", answer.text());
                assert!(others.iter().all(|other| !answer.text().contains(other)), "{target}: {}", answer.text());
                assert_eq!(answer.text().contains(own), target.starts_with("/ui"), "{target}: {}", answer.text());
            }
        }
        let all = ask(&scene, "/ui/feed/turns", OLGA).await.text();
        assert!(["of-alice", "of-bob", "of-olga"].iter().all(|model| all.contains(model)), "{all}");
    }

    async fn usage_of_another_client() {
        let scene = scene().await;
        let all = turns(&scene, "/v1/usage/recent", OLGA, 3).await;
        assert_eq!(all.len(), 3, "{all:?}");
        let id_of = |name: &str| all.iter().find(|turn| turn["caller"] == name).expect(name)["id"].as_str().expect("an id").to_owned();
        let foreign = id_of("bob");
        for target in ["/v1/usage/recent", "/v1/usage/recent?caller=bob", "/v1/usage/recent?caller=bob&caller=", "/v1/usage/recent?what=all", "/v1/usage/export", "/v1/usage/export?format=csv&caller=bob"] {
            let answer = ask(&scene, target, ALICE).await;
            let text = answer.text();
            assert_eq!((answer.status, text.contains("of-alice")), (200, true), "{target}: {text}");
            assert!(!text.contains("of-bob") && !text.contains("of-olga") && !text.contains(&foreign), "{target}: {text}");
        }
        assert_eq!(turns(&scene, &format!("/v1/usage/recent?id={foreign}"), ALICE, 0).await, Vec::<Value>::new());
        for target in ["/v1/usage/stats?by=caller&every=1h", "/v1/usage/stats?by=model&caller=bob"] {
            let told = ask(&scene, target, ALICE).await.json();
            assert_eq!((&told["total"]["turns"], &told["ledger"]), (&json!(1), &Value::Null), "{target}: {told}");
            assert!(!told.to_string().contains("bob"), "{target}: {told}");
        }
        assert_eq!(ask(&scene, "/v1/usage/stats?by=caller", OLGA).await.json()["total"]["turns"], 3);
    }

    async fn operators_work_without_the_grant() {
        let scene = scene().await;
        for (method, target) in OF_OPERATORS {
            let call = |key| Call::new(method, target).bearer(key);
            for key in [ALICE, BOB] {
                let answer = scene.lip.send(call(key)).await;
                assert_eq!((answer.status, &answer.error()["code"]), (403, &json!("not_an_operator")), "{target}: {}", answer.text());
            }
        }
        for target in ["/v1/diagnostics", "/v1/diagnostics/plugins", "/metrics"] {
            assert_eq!(ask(&scene, target, OLGA).await.status, 200, "{target}");
        }
        let own_page = |key| Call::post("/ui/act/backends/openai/reactivate", "{}").bearer(key)
            .header("origin", "http://localhost").header("sec-fetch-site", "same-origin").header("x-lip-dashboard", "1");
        assert_eq!(scene.lip.send(own_page(ALICE)).await.status, 403);
        assert_eq!(scene.lip.send(own_page(OLGA)).await.status, 200);
    }

    async fn one_of_several_keys_without_names_sees_all() {
        let scene = Scene::with("", |builder| builder.env("API_KEYS", &format!("{ALICE},{BOB}"))).await;
        for (_, target) in &OF_OPERATORS[..5] {
            assert_eq!(ask(&scene, target, BOB).await.status, 403, "{target}");
        }
        let scene = Scene::with("", |builder| builder.env("API_KEYS", BOB)).await;
        assert_eq!(ask(&scene, "/v1/diagnostics", BOB).await.status, 200, "a sole one is its owner's");
    }
}
