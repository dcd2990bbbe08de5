//! `lip doctor`, where it looks at the network: who answers is there, whatever the answer.
use serde_json::{Value, json};
use stage::{Lip, Reply, Upstream};

async fn findings(lip: stage::LipBuilder) -> (bool, Vec<Value>) {
    let output = lip.args("doctor --json --port 0").run().await;
    let told: Value =
        serde_json::from_str(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", output.printed()));
    assert_eq!(told["ok"], json!(output.success), "{told}");
    (output.success, told["findings"].as_array().expect("a list").clone())
}

fn of<'a>(findings: &'a [Value], what: &str) -> &'a Value {
    findings
        .iter()
        .find(|one| one["what"].as_str().is_some_and(|own| own.starts_with(what)))
        .unwrap_or_else(|| panic!("no {what} in {findings:?}"))
}

#[tokio::test]
async fn provider_that_answers_is_reached_and_gets_no_key() {
    let provider = Upstream::always(Reply::json(404, "{}")).await;
    let (is_well, all) = findings(Lip::builder().openai(&provider.url())).await;
    assert_eq!(of(&all, "provider of openai")["level"], "ok");
    assert_eq!(of(&all, "backend openai")["finding"], "openai, ready, with a key");
    assert!(is_well, "{all:?}");
    let asked = provider.last();
    assert!(asked.header("authorization").is_none() && !asked.head.contains("sk-"), "{}", asked.head);
}

#[tokio::test]
async fn provider_that_is_not_there_fails_a_backend_that_is_configured() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let place = nobody.local_addr().expect("an address");
    drop(nobody);
    let config = format!("[backends.openai]\napi_url = \"http://{place}/v1\"\napi_key = \"sk-openai\"\n");
    let (is_well, all) = findings(Lip::builder().config_toml(&config)).await;
    let told = of(&all, "provider of openai");
    assert_eq!((is_well, &told["level"]), (false, &json!("fail")), "{told}");
    assert!(told["finding"].as_str().is_some_and(|text| text.contains(&place.to_string())), "{told}");
    assert!(told["remedy"].as_str().is_some_and(|text| text.contains("api_url")), "{told}");
}

#[tokio::test]
async fn port_of_a_running_host_is_no_failure() {
    let lip = Lip::builder().start().await;
    let told = lip.cli(&format!("doctor --offline --port {}", lip.address.port())).await;
    assert!(
        told.stdout.contains(&format!("a host of LIP listens on {} already", lip.address)),
        "{}",
        told.printed()
    );
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    // What listens there answers nothing, and is asked only for a moment.
    let told = lip.cli(&format!("doctor --offline --port {port}")).await;
    assert!(
        !told.success && told.stdout.contains("choose another with --host and --port"),
        "{}",
        told.printed()
    );
}
