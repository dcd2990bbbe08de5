//! The host, wired as the binary wires it, and a client on a connection of memory.
use super::network::{Network, WINDOW_BYTES, message_bytes};
use agents::Agents;
use base::Secret;
use bytes::Bytes;
use egress::{Deadlines, Egress};
use engine::{BackendSpec, Backends, Dialect, Edges, Engine, Manner, RequestOptions, Rules};
use frontends::{App, ClientKeys, Door};
use http::HeaderValue;
use hyper_util::rt::{TokioIo, TokioTimer};
use loader::{Cages, Options, Plugin, Prober, Writable, discover};
use serde_json::json;
use std::collections::HashMap;
use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::fs;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use vault::{SystemClock, Vault};

/// As the server of the frontends reads.
const READ_BYTES_MAX: usize = 512 << 10;

/// A host with one backend, which answers the same to all.
pub(super) struct Host {
    door: Door,
}

impl Host {
    pub(super) fn new(answer: Vec<Bytes>) -> Self {
        let word = HeaderValue::from_static("lip");
        let time = Duration::from_secs(60);
        let engine = Engine::new(
            Backends::new(vec![backend()], Some("openai")).expect("a backend"),
            Rules::default(),
            Edges {
                egress: Egress::over(
                    Network::new(answer),
                    Deadlines { connect: time, head: time, idle: time },
                ),
                agents: Agents::default(),
                vault: Vault::open("no-accounts".into(), Arc::new(SystemClock)),
                home: None,
                user_agent: word.clone(),
                host_id: word,
                witnesses: Vec::new(),
                prices: None,
                hide: None,
                state: None,
                cluster: engine::Cluster::default(),
            },
        );
        let app = App::new(Arc::new(engine), ClientKeys::new(&[]));
        Self { door: Door::new(Arc::new(app)) }
    }

    /// A client's connection.
    pub(super) fn connect(&self) -> Client {
        let (near, far) = duplex(WINDOW_BYTES);
        let door = self.door.clone();
        let service = hyper::service::service_fn(move |request| door.answer(request));
        let mut builder = hyper::server::conn::http1::Builder::new();
        builder.timer(TokioTimer::new()).max_buf_size(READ_BYTES_MAX);
        tokio::spawn(builder.serve_connection(TokioIo::new(far), service));
        Client { stream: near, buffer: Vec::with_capacity(WINDOW_BYTES) }
    }
}

/// A client that sends the next request when it has its answer.
pub(super) struct Client {
    stream: DuplexStream,
    buffer: Vec<u8>,
}

impl Client {
    /// One request, and the whole answer to it.
    pub(super) async fn exchange(&mut self, request: &[u8]) {
        self.stream.write_all(request).await.expect("a host that reads");
        self.buffer.clear();
        let mut whole = None;
        while !self.is_whole(whole) {
            let n_bytes = self.stream.read_buf(&mut self.buffer).await.expect("a host that answers");
            assert!(n_bytes > 0, "the host closed the connection");
            whole = whole.or_else(|| message_bytes(&self.buffer));
        }
        let is_good = self.buffer.starts_with(b"HTTP/1.1 200 ");
        assert!(is_good, "{}", String::from_utf8_lossy(&self.buffer));
    }

    /// Has the answer come, which is so long, or ends with an empty chunk?
    fn is_whole(&self, whole: Option<usize>) -> bool {
        whole.map_or_else(|| self.buffer.ends_with(b"\r\n0\r\n\r\n"), |whole| self.buffer.len() >= whole)
    }
}

/// A request with what agents send as headers.
pub(super) fn call(path: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nuser-agent: agent/1.0\r\naccept: application/json\r\n\
         authorization: Bearer sk-client\r\nanthropic-version: 2023-06-01\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// The library of the connector `openai`, which is built beside this program.
fn library() -> Arc<Plugin> {
    let program = std::env::current_exe().expect("this program's own file");
    let name = format!("{DLL_PREFIX}lip_openai{DLL_SUFFIX}");
    let (folder, state) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    fs::copy(program.with_file_name(&name), folder.path().join(&name))
        .expect("the library beside this program");
    let options = Options {
        state_dir: state.path().to_owned(),
        writable: Writable::Warn,
        prober: Prober::new(program, [loader::probe::FLAG.into()]),
        trust: loader::trust::Policy::default(),
        cages: Cages::inproc(),
    };
    let found = discover(&[folder.path().to_owned()], &options);
    Arc::clone(found.plugins().next().unwrap_or_else(|| panic!("no library: {:?}", found.outcomes)))
}

fn backend() -> BackendSpec {
    BackendSpec {
        name: "openai".to_owned(),
        connector: "openai".to_owned(),
        dialects: vec![Dialect::OpenAiChat],
        manifest: None,
        plugin: Some(library()),
        config: json!({"base_url": "http://openai.test/v1", "secrets": ["api_key"]}),
        secrets: HashMap::new(),
        keys: vec![Secret::new("sk-openai".to_owned())],
        missing: None,
        logged_out: None,
        egress: vec!["openai.test".to_owned()],
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
