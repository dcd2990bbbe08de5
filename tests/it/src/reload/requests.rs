//! Who may ask the host to look, how, and what happens when several do.
use super::changeling::{Scene, body};
use serde_json::Value;
use stage::{Call, Lip};

const RELOAD: &str = "/v1/diagnostics/plugins/reload";

#[tokio::test]
async fn hangup_is_a_request_to_look() {
    let scene = Scene::new().await;
    scene.put(2);
    scene.lip.signal("HUP").await;
    scene.lip.logged("generation 2 of").await;
    assert_eq!(scene.serving().await, 2);
}

#[tokio::test]
async fn looks_at_the_same_time_come_one_after_the_other() {
    let scene = Scene::new().await;
    let streams = [scene.stream().await, scene.stream().await];
    for n in 2..6 {
        scene.put(n);
        let (a, b, c) = tokio::join!(scene.reload(), scene.reload(), scene.serving());
        let replaced = |report: &Value| report["replaced"].as_array().map_or(0, Vec::len);
        assert_eq!(replaced(&a) + replaced(&b), 1, "{a} {b}");
        assert!(c == n || c == n - 1, "{c}");
        assert_eq!(scene.serving().await, n);
    }
    scene.gate.open();
    for stream in streams {
        assert_eq!(stream.rest().await.said(), "begun 00001");
    }
}

#[tokio::test]
async fn web_pages_and_strangers_are_turned_away() {
    let scene = Scene::with(|builder| {
        builder.env("API_KEYS", "sk-client").args("--multi-user-mode --egress-allow-private 127.0.0.1")
    })
    .await;
    scene.put(2);
    let status = |call: Call| async { scene.lip.send(call).await.status };
    let ask = || Call::post(RELOAD, "").bearer("sk-client");
    assert_eq!(status(ask().header("origin", "http://127.0.0.1:8000")).await, 403);
    assert_eq!(status(ask().header("sec-fetch-site", "cross-site")).await, 403);
    assert_eq!(status(Call::post(RELOAD, "")).await, 401);
    assert_eq!(status(Call::get("/v1/diagnostics/plugins")).await, 401);
    let reactivate = Call::post("/v1/diagnostics/backends/changeling/reactivate", "").bearer("sk-client");
    assert_eq!(status(reactivate.header("origin", "null")).await, 403);
    let told = scene.lip.cli(&format!("plugin status --json --port {}", scene.lip.address.port())).await;
    let told: Value = serde_json::from_str(&told.stdout).expect("JSON");
    assert_eq!(told["plugins"][0]["generation"], 1, "{told}");
    // The command line knows the key of its own configuration.
    let told = scene.lip.cli(&format!("plugin reload --port {}", scene.lip.address.port())).await;
    assert!(told.success && told.stdout.contains("generation 2 of"), "{}", told.printed());
    let answer = scene.lip.send(Call::chat(body("version", false)).bearer("sk-client")).await;
    assert!(answer.text().contains("00002"), "{}", answer.text());
}

#[tokio::test]
async fn no_host_is_said_so() {
    for verb in ["reload", "status"] {
        let told = Lip::builder().args(&format!("plugin {verb} --port 9")).run().await;
        assert!(!told.success && told.stderr.contains("is lip running there?"), "{}", told.printed());
    }
}
