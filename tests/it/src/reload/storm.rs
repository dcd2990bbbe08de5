//! New configurations under load: good ones are taken up, bad ones are refused as a whole, and no turn notices.
use crate::talk::{Tongue, says};
use crate::team::backend;
use serde_json::{Value, json};
use stage::{Call, End, Gate, Lip, Reply, Upstream, plugins_of};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

const RELOAD: &str = "/v1/diagnostics/config/reload";

/// Two providers that answer at once, or hold a stream open, and a host whose file can be rewritten.
struct Scene {
    lip: Lip,
    gate: Gate,
    providers: [Upstream; 2],
    _plugins: tempfile::TempDir,
}

impl Scene {
    async fn new(more: &str) -> Self {
        let gate = Gate::default();
        let provider = |name: &'static str| {
            let delta = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"begun \"}}]}\n\n";
            let end = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
            let held = Reply::events().send(delta).hold(&gate).send(end).end();
            Upstream::by(move |request| match request.method == "POST" && request.json()["model"] == "held" {
                true => held.clone(),
                false => says(request, name),
            })
        };
        let providers = [provider("first speaks").await, provider("second speaks").await];
        let config = more.to_owned() + &backend("openai", &providers[0].url());
        let plugins = plugins_of(&["openai", "echo"]);
        let builder = Lip::builder().plugins_dir(plugins.path()).config_toml(&config);
        let lip = builder.args("--log-level warn --plugin-lock off").start().await;
        Self { lip, gate, providers, _plugins: plugins }
    }

    fn write(&self, text: &str) {
        std::fs::write(self.lip.home().join("lip.toml"), text).expect("the file");
    }

    async fn reload(&self) -> (u16, Value) {
        let answer = self.lip.send(Call::post(RELOAD, "")).await;
        (answer.status, answer.json())
    }

    async fn who(&self, model: &str) -> String {
        let body = json!({"model": model, "messages": [{"role": "user", "content": "hi"}]}).to_string();
        let answer = self.lip.chat(body).await;
        match answer.status {
            200 => answer.json()["choices"][0]["message"]["content"].as_str().expect("a text").to_owned(),
            status => format!("{status} {}", answer.message()),
        }
    }
}

fn words(report: &Value) -> String {
    let lines = report["words"].as_array().expect("words").iter();
    lines.map(|line| line.as_str().expect("a line")).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn what_can_change_does_and_what_cannot_is_told() {
    let scene = Scene::new("").await;
    let [first, second] = [0, 1].map(|n: usize| scene.providers[n].url());
    assert_eq!(scene.who("openai:m").await, "first speaks");
    let open = scene.lip.open_chat(r#"{"model":"openai:held","stream":true,"messages":[]}"#).await;
    let aliased = "[[model_aliases]]\npattern = \"^mine$\"\nreplacement = \"openai:m\"\n";
    let file = format!(
        "port = 1\nanthropic_port = 1\n{aliased}{}{}",
        backend("openai", &second),
        backend("openai.work", &first)
    );
    scene.write(&file);
    let told = scene.lip.cli(&format!("config reload --port {}", scene.lip.address.port())).await;
    assert!(told.success, "{}", told.printed());
    for line in [
        "changed: model_aliases\n",
        "backends new: openai.work\n",
        "backends renewed: openai\n",
        "needs a restart: anthropic_port\n",
    ] {
        assert!(told.stdout.contains(line), "{line} in {}", told.stdout);
    }
    assert!(
        !told.stdout.contains("changed: anthropic_port") && !told.stdout.contains("sk-"),
        "{}",
        told.stdout
    );
    assert_eq!(scene.who("mine").await, "second speaks");
    assert_eq!(scene.who("openai.work:m").await, "first speaks");
    let (status, report) = scene.reload().await;
    assert_eq!(
        (status, &report["changed"], &report["backends"]["kept"].as_u64().is_some()),
        (200, &json!([]), &true)
    );
    // One that was open ends where it began.
    scene.gate.open();
    let answer = open.rest().await;
    assert_eq!((answer.end, answer.said().as_str()), (End::Clean, "begun "));
    scene.write(&backend("openai", &first));
    scene.lip.signal("HUP").await;
    let back = async { while scene.who("openai:m").await != "first speaks" {} };
    stage::within("the hang-up to be heard", back).await;
    assert!(scene.who("openai.work:m").await.starts_with("404"), "it is gone");
}

/// Files that cannot be used, and what is said of each.
fn bad(n: usize, good: &str) -> (String, &'static str) {
    match n % 7 {
        0 => (format!("{good}[backends.openai"), "lip.toml:"),
        1 => (format!("colour = 1\n{good}"), "colour"),
        2 => (format!("static_route = \"a:b:|\"\n{good}"), "static_route"),
        3 => (format!("default_backend = \"nobody\"\n{good}"), "nobody"),
        4 => (format!("[timeouts]\ntotal = \"long\"\n{good}"), "timeouts.total"),
        5 => (format!("model_aliases = [{{ pattern = '(', replacement = 'a:b' }}]\n{good}"), "model_aliases"),
        _ => (good.replace("http://", "htp://"), "api_url"),
    }
}

#[tokio::test]
async fn bad_file_is_refused_as_a_whole_with_what_is_wrong() {
    let scene = Scene::new("").await;
    let good = backend("openai", &scene.providers[0].url());
    for n in 0..7 {
        let (text, wanted) = bad(n, &good);
        scene.write(&text);
        let (status, told) = scene.reload().await;
        let message = told["error"]["message"].as_str().unwrap_or_else(|| panic!("{n}: {told}")).to_owned();
        assert_eq!((status, &told["error"]["code"]), (422, &json!("config_refused")), "{n}: {told}");
        assert!(message.contains(wanted), "{n}: {message}");
        assert_eq!(scene.who("openai:m").await, "first speaks");
    }
    scene.lip.logged("the host goes on with the configuration that it has").await;
    std::fs::remove_file(scene.lip.home().join("lip.toml")).expect("it is there");
    let (status, told) = scene.reload().await;
    assert!(status == 422 && told.to_string().contains("cannot be read"), "{told}");
    assert_eq!(scene.who("openai:m").await, "first speaks");
}

/// How often the file changes; the promise is about 500, `LIP_RELOADS=500`.
const RELOADS: usize = 60;
/// Reloads after which everything has been allocated that stays.
const WARM: usize = 20;
const CLIENTS: usize = 8;
const HELD: usize = 16;
const GROWTH_BYTES_MAX: u64 = 8 << 20;

/// Asks until it is told to stop; counts turns, and says which failed.
async fn client(
    lip: std::net::SocketAddr,
    n: usize,
    is_over: Arc<AtomicBool>,
    n_turns: Arc<AtomicUsize>,
) -> Vec<String> {
    let mut connection = stage::connect(lip).await;
    let (tongue, stream) =
        (if n.is_multiple_of(2) { Tongue::Chat } else { Tongue::Anthropic }, n.is_multiple_of(4));
    let call = tongue.call("openai:m", stream, &[tongue.message("user", "hi")]);
    let mut failed = Vec::new();
    while !is_over.load(Ordering::Relaxed) {
        let answer = connection.send(&call).await;
        if (answer.status, answer.end) != (200, End::Clean) || !answer.text().contains("speaks") {
            failed.push(format!("{} {}", answer.status, answer.text()));
        }
        n_turns.fetch_add(1, Ordering::Relaxed);
    }
    failed
}

#[tokio::test]
async fn storm_of_reloads_fails_no_turn() {
    let n = std::env::var("LIP_RELOADS").map_or(RELOADS, |n| n.parse().expect("a number"));
    let scene = Scene::new("").await;
    let (is_over, n_turns) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|n| tokio::spawn(client(scene.lip.address, n, Arc::clone(&is_over), Arc::clone(&n_turns))))
        .collect();
    let mut held = Vec::new();
    let (mut before, mut n_refused) = (0, 0);
    for reload in 0..n {
        if reload == WARM {
            before = scene.lip.memory_bytes();
        }
        if held.len() < HELD {
            held.push(scene.lip.open_chat(r#"{"model":"openai:held","stream":true,"messages":[]}"#).await);
        }
        let provider = &scene.providers[reload / 2 % 2];
        let mut good = format!("command_prefix = \"{}\"\n", ["!/", "##"][reload % 2])
            + &backend("openai", &provider.url());
        if reload % 3 == 0 {
            good += &backend("openai.work", &provider.url());
        }
        let is_bad = reload % 2 == 1;
        scene.write(&if is_bad { bad(reload / 2, &good).0 } else { good });
        let (status, told) = scene.reload().await;
        assert_eq!(status, if is_bad { 422 } else { 200 }, "{told}");
        n_refused += usize::from(is_bad);
        if !is_bad {
            assert_eq!(scene.who("openai:m").await, ["first speaks", "second speaks"][reload / 2 % 2]);
        }
    }
    let grown = scene.lip.memory_bytes().saturating_sub(before);
    is_over.store(true, Ordering::Relaxed);
    for client in clients {
        assert_eq!(client.await.expect("a client"), Vec::<String>::new());
    }
    // Shown by --no-capture.
    let n_turns = n_turns.load(Ordering::Relaxed);
    eprintln!(
        "{n} reloads, {n_refused} refused, under {n_turns} turns and {HELD} open streams: {grown} bytes more"
    );
    assert!(n_turns > n, "{n_turns} turns");
    assert!(grown <= GROWTH_BYTES_MAX, "{grown} bytes more after {n} reloads");
    scene.gate.open();
    for stream in held {
        let answer = stream.rest().await;
        assert_eq!((answer.status, answer.end, answer.said().as_str()), (200, End::Clean, "begun "));
    }
    scene.write(&backend("openai", &scene.providers[0].url()));
    assert_eq!(scene.reload().await.0, 200);
    assert_eq!(words(&scene.reload().await.1), "");
}
