//! Stories with a stopped clock: the real frontends, engine, policy, connectors and HTTP client in this process, over a
//! network without sockets. Time passes when everybody waits for it, so an hour costs nothing and nothing is ever "about" so
//! long.
mod clock;
mod faults;
mod kept;
mod told;

use agents::Agents;
use base::Secret;
use egress::{Deadlines, Egress};
use engine::{BackendSpec, Backends, Dialect, Edges, Engine, Manner, RequestOptions, Rules};
use frontends::{App, ClientKeys, Door};
use http::HeaderValue;
use hyper_util::rt::TokioIo;
use loader::{Discovery, Options, Plugin, Prober, Writable, discover};
use routing::policy::Budgets;
use serde_json::json;
use stage::{Answer, Call, Connection, Network, OpenAnswer, plugins_of, staged};
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::io::{DuplexStream, duplex};
use tokio::time::Instant;
use told::Seen;
use vault::{SystemClock, Vault};

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The host's deadlines in these stories.
const CONNECT: Duration = s(10);
const HEAD: Duration = s(30);
const FIRST_OUTPUT: Duration = s(60);
const IDLE: Duration = s(20);
const TURN: Duration = s(300);

/// A host, and the network behind it.
struct World {
    network: Network,
    /// What was told of its turns.
    seen: Arc<Seen>,
    app: Arc<App>,
    began: Instant,
}

impl World {
    /// A host with the backends `openai` at `bad.test`, and `openai.spare` at `good.test`. `scheme` is that of the former.
    fn new(scheme: &str, change: impl FnOnce(&mut Rules)) -> Self {
        Self::told(Seen::default(), scheme, change)
    }

    /// As [`World::new`], with this witness.
    fn told(seen: Seen, scheme: &str, change: impl FnOnce(&mut Rules)) -> Self {
        let (network, seen) = (Network::default(), Arc::new(seen));
        let specs = vec![
            backend("openai", &format!("{scheme}://bad.test/v1")),
            backend("openai.spare", "http://good.test/v1"),
        ];
        let budgets = Budgets { turn: TURN, first_output: FIRST_OUTPUT, ..Budgets::default() };
        let mut rules = Rules { budgets, ..Rules::default() };
        change(&mut rules);
        let word = HeaderValue::from_static("lip");
        let deadlines = Deadlines { connect: CONNECT, head: HEAD, idle: IDLE };
        let engine = Engine::new(
            Backends::new(specs, Some("openai")).expect("backends"),
            rules,
            Edges {
                egress: Egress::over(network.clone(), deadlines),
                agents: Agents::default(),
                vault: Vault::open("no-accounts".into(), Arc::new(SystemClock)),
                home: None,
                user_agent: word.clone(),
                host_id: word,
                witnesses: vec![Arc::clone(&seen) as _],
                prices: None,
                hide: None,
                state: None,
                cluster: engine::Cluster::default(),
            },
        );
        let app = App { names: access::Names::any(), ..App::new(Arc::new(engine), ClientKeys::new(&[])) };
        Self { network, seen, app: Arc::new(app), began: Instant::now() }
    }

    /// A client's connection.
    fn connect(&self) -> Connection<DuplexStream> {
        let (near, far) = duplex(64 << 10);
        let door = Door::new(Arc::clone(&self.app));
        let service = hyper::service::service_fn(move |request| door.answer(request));
        let serving = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(far), service);
        tokio::spawn(serving);
        Connection::over(near)
    }

    /// One turn, read to its end.
    async fn chat(&self, model: &str, stream: bool) -> Answer {
        let mut connection = self.connect();
        connection.write(&chat(model, stream)).await;
        connection.answer().await
    }

    /// One streamed turn, of which the head has come.
    async fn open(&self, model: &str) -> OpenAnswer<DuplexStream> {
        self.connect().open(&chat(model, true)).await
    }

    /// Time since the story began.
    fn passed(&self) -> Duration {
        self.began.elapsed()
    }
}

fn chat(model: &str, stream: bool) -> Call {
    let body = json!({"model": model, "stream": stream, "messages": [{"role": "user", "content": "hi"}]});
    Call::chat(body.to_string()).header("connection", "close")
}

/// The library of the connector `openai`, mapped once.
fn library() -> Arc<Plugin> {
    static FOUND: OnceLock<Discovery> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        let (folder, state) = (plugins_of(&["openai"]), tempfile::tempdir().expect("a folder"));
        let prober = Prober::new(staged().join("lip"), ["--probe-plugin".into()]);
        let options = Options {
            state_dir: state.path().to_owned(),
            writable: Writable::Warn,
            prober,
            trust: loader::trust::Policy::default(),
            cages: loader::Cages::inproc(),
        };
        discover(&[folder.path().to_owned()], &options)
    });
    Arc::clone(found.plugins().next().unwrap_or_else(|| panic!("no library: {:?}", found.outcomes)))
}

fn backend(name: &str, url: &str) -> BackendSpec {
    BackendSpec {
        name: name.to_owned(),
        connector: "openai".to_owned(),
        dialects: vec![Dialect::OpenAiChat],
        manifest: None,
        plugin: Some(library()),
        config: json!({"base_url": url, "secrets": ["api_key"]}),
        secrets: HashMap::new(),
        keys: vec![Secret::new(format!("sk-{name}"))],
        missing: None,
        logged_out: None,
        egress: vec!["bad.test".to_owned(), "good.test".to_owned()],
        dialects_are_set: true,
        models: Vec::new(),
        translation: RequestOptions::default(),
        manner: Manner::default(),
        user_agent: None,
        configured: true,
        strip_prefixes: Vec::new(),
        takes_loop_guard: true,
    }
}
