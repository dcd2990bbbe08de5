//! Carries out effects from a script: no socket, no waiting.
use crate::accounts::Accounts;
use crate::manifest;
use crate::reply::{End, Reply};
use lip_abi::{Buf, Completion, Op, op, status};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A request as it would have gone out.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The method.
    pub method: String,
    /// The URL.
    pub url: String,
    /// Headers with secrets filled in; names in lower case.
    pub headers: Vec<(String, String)>,
    /// Names of the headers that the host filled in.
    pub secret_headers: Vec<String>,
    /// The body: the very buffer that the connector gave.
    pub body: Buf,
    /// The connector's own deadline for the head.
    pub timeout_ms: Option<u64>,
}

impl Seen {
    /// The first value of the header `name` (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON; `null` when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// An open body.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) chunks: VecDeque<Buf>,
    pub(crate) end: End,
}

const KV_BYTES_MAX: usize = 64 << 10;

/// The world around one instance.
#[derive(Debug, Default)]
pub(crate) struct World {
    pub(crate) manifest: Value,
    pub(crate) base_url: Option<String>,
    /// Further URLs of the config that requests may go to: those under the manifest's `url_keys`.
    pub(crate) urls: Vec<String>,
    pub(crate) replies: VecDeque<Reply>,
    /// What every request gets for which no reply is scripted.
    pub(crate) always: Option<Reply>,
    /// The same for turns on other backends that want a stream.
    pub(crate) always_streamed: Option<Reply>,
    /// What commands of an agent come to.
    pub(crate) command_output: Option<Reply>,
    /// Requests to hosts that are not allowed, each as its sentence.
    pub(crate) denied: Vec<String>,
    pub(crate) secrets: BTreeMap<String, String>,
    pub(crate) values: BTreeMap<(String, String), (Buf, Option<u64>)>,
    pub(crate) bodies: BTreeMap<u64, Body>,
    pub(crate) sleeping: BTreeSet<(u64, u64)>,
    pub(crate) requests: Vec<Seen>,
    pub(crate) accounts: Accounts,
    pub(crate) now_unix_ms: u64,
    pub(crate) last_handle: u64,
}

/// What an effect came to.
struct Done {
    status: u32,
    handle: u64,
    arg: u64,
    meta: Buf,
    body: Buf,
}

fn ok(body: Buf) -> Done {
    Done { status: status::OK, handle: 0, arg: 0, meta: Buf::empty(), body }
}

fn failed(status: u32, sentence: impl Into<String>) -> Done {
    Done { status, meta: sentence.into().into(), ..ok(Buf::empty()) }
}

/// The operations that a stage carries out.
pub(crate) const OPERATIONS: [u32; 16] = [
    op::HTTP,
    op::BODY_READ,
    op::SLEEP,
    op::SECRET_GET,
    op::CLOSE,
    op::KV_GET,
    op::KV_PUT,
    op::LISTEN_ONCE,
    op::HEADERS,
    op::AGENT_TURN,
    op::DISPATCH,
    op::TOKEN,
    op::AGENT_MODELS,
    op::AGENT_COMMAND,
    op::ACCOUNT,
    op::SHOW,
];

impl World {
    /// Starts `op`. `None`: it completes when the clock moves.
    pub(crate) fn start(&mut self, op: Op) -> Option<Completion> {
        let id = op.id;
        let done = match op.kind {
            op::SLEEP => {
                self.sleeping.insert((self.now_unix_ms.saturating_add(op.arg), id));
                return None;
            }
            op::HTTP => self.http(&op.meta, op.body),
            op::DISPATCH => self.dispatch(&op.meta, op.body),
            op::AGENT_TURN => self.agent("AGENT_TURN", &op.meta, op.body),
            op::AGENT_MODELS => {
                let done = self.agent("AGENT_MODELS", &op.meta, op.body);
                self.whole(done)
            }
            op::AGENT_COMMAND => {
                let done = self.agent("AGENT_COMMAND", &op.meta, op.body);
                self.whole(done)
            }
            op::BODY_READ => self.read(op.handle),
            op::HEADERS => self.headers(op.handle),
            op::SECRET_GET => self.secret(&op.meta),
            op::CLOSE => self.close(op.handle),
            op::TOKEN => self.lease(&op.meta),
            op::ACCOUNT => {
                let (status, meta) = self.accounts.report(op.arg, &op.meta);
                Done { status, meta, ..ok(Buf::empty()) }
            }
            op::SHOW => {
                self.accounts.shown.push(serde_json::from_slice(&op.meta).unwrap_or_default());
                ok(Buf::empty())
            }
            op::LISTEN_ONCE => self.listen(&op.meta),
            op::KV_GET | op::KV_PUT => self.value(op.kind, &op.meta, op.body),
            other => failed(status::UNSUPPORTED, format!("the testkit has no effect {other}")),
        };
        Some(Completion {
            id,
            status: done.status,
            flags: 0,
            handle: done.handle,
            arg: done.arg,
            meta: done.meta,
            body: done.body,
        })
    }

    /// Moves the clock to the next sleeper's end.
    pub(crate) fn next_sleeper(&mut self) -> Option<Completion> {
        let (due, id) = self.sleeping.pop_first()?;
        self.now_unix_ms = due;
        let Done { status, handle, arg, meta, body } = ok(Buf::empty());
        Some(Completion { id, status, flags: 0, handle, arg, meta, body })
    }

    fn http(&mut self, meta: &[u8], body: Buf) -> Done {
        let meta: Value = serde_json::from_slice(meta).unwrap_or_default();
        let text = |key: &str| meta.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (method, url) = (text("method"), text("url"));
        if let Err(sentence) = self.may_call(&url) {
            self.denied.push(sentence.clone());
            return failed(status::DENIED, sentence);
        }
        let mut headers: Vec<(String, String)> = list(&meta, "headers");
        headers.iter_mut().for_each(|(name, _)| name.make_ascii_lowercase());
        let mut secret_headers = Vec::new();
        for (name, prefix, secret) in list::<(String, String, String)>(&meta, "secret_headers") {
            let Some(value) = self.secrets.get(&secret) else {
                return failed(status::DENIED, format!("there is no secret \"{secret}\""));
            };
            secret_headers.push(name.to_lowercase());
            headers.push((name.to_lowercase(), format!("{prefix}{value}")));
        }
        let timeout_ms = meta.get("timeout_ms").and_then(Value::as_u64);
        self.answer(Seen { method, url, headers, secret_headers, body, timeout_ms })
    }

    /// A turn on another selector is seen as a request with the method `DISPATCH` and the selector as its URL.
    fn dispatch(&mut self, meta: &[u8], body: Buf) -> Done {
        let meta: Value = serde_json::from_slice(meta).unwrap_or_default();
        let text = |key: &str| meta.get(key).and_then(Value::as_str).map(str::to_owned);
        let (Some(url), Some(dialect)) = (text("selector"), text("dialect")) else {
            return failed(status::DENIED, "a dispatched turn names a selector and a dialect");
        };
        let stream = meta.get("stream").and_then(Value::as_bool).unwrap_or_default().to_string();
        let headers = vec![("dialect".to_owned(), dialect), ("stream".to_owned(), stream)];
        let (method, secret_headers) = ("DISPATCH".to_owned(), Vec::new());
        self.answer(Seen { method, url, headers, secret_headers, body, timeout_ms: None })
    }

    /// What is asked of an agent is seen as a request with the effect's name as its method, the first program as its URL, and the
    /// description in the header `agent`.
    fn agent(&mut self, method: &str, meta: &[u8], body: Buf) -> Done {
        let agent: Value = serde_json::from_slice(meta).unwrap_or_default();
        let Some(url) = agent.pointer("/programs/0").and_then(Value::as_str).map(str::to_owned) else {
            return failed(status::DENIED, "the agent's description names no program");
        };
        let headers = vec![("agent".to_owned(), agent.to_string())];
        let (method, secret_headers) = (method.to_owned(), Vec::new());
        self.answer(Seen { method, url, headers, secret_headers, body, timeout_ms: None })
    }

    /// The scripted body at once, for effects that have no stream.
    fn whole(&mut self, done: Done) -> Done {
        match self.bodies.remove(&done.handle) {
            Some(body) => {
                ok(body.chunks.iter().flat_map(|chunk| chunk.iter().copied()).collect::<Vec<u8>>().into())
            }
            None => done,
        }
    }

    fn answer(&mut self, seen: Seen) -> Done {
        let reply = self.replies.iter().position(|reply| reply.fits(&seen.method, &seen.url));
        let is_streamed = seen.method == "DISPATCH" && seen.header("stream") == Some("true");
        let always = match seen.method.as_str() {
            "AGENT_COMMAND" => self.command_output.as_ref(),
            _ if is_streamed => self.always_streamed.as_ref(),
            _ => None,
        };
        let always = always.or(self.always.as_ref());
        let reply = reply.and_then(|at| self.replies.remove(at)).or_else(|| always.cloned());
        let missing = format!("no reply is scripted for {} {}", seen.method, seen.url);
        self.requests.push(seen);
        match reply.map(|reply| (reply.head, reply)) {
            None => failed(status::IO, missing),
            Some((Err((status, sentence)), _)) => failed(status, sentence),
            Some((Ok(head), reply)) => {
                self.last_handle += 1;
                let chunks = reply.chunks.into();
                let (headers, end) = (reply.headers, reply.end);
                self.bodies.insert(self.last_handle, Body { status: head, headers, chunks, end });
                Done { handle: self.last_handle, arg: head.into(), ..ok(Buf::empty()) }
            }
        }
    }

    fn lease(&mut self, meta: &[u8]) -> Done {
        match self.accounts.lease(meta) {
            Ok((number, token, told)) => {
                self.secrets.insert(format!("token:{number}"), token);
                Done { arg: number, ..ok(told.to_string().into()) }
            }
            Err(detail) => {
                let sentence = detail.get("message").and_then(Value::as_str).unwrap_or_default().to_owned();
                Done { body: detail.to_string().into(), ..failed(status::DENIED, sentence) }
            }
        }
    }

    /// The browser comes at once.
    fn listen(&mut self, meta: &[u8]) -> Done {
        const PORT: u64 = 4711;
        self.accounts.awaited.push(serde_json::from_slice(meta).unwrap_or_default());
        let Some(query) = self.accounts.query.take() else {
            return failed(status::TIMEOUT, "no browser is scripted");
        };
        self.last_handle += 1;
        let chunks = VecDeque::from([Buf::from(query.to_string())]);
        self.bodies
            .insert(self.last_handle, Body { status: 200, headers: Vec::new(), chunks, end: End::Clean });
        Done { handle: self.last_handle, arg: PORT, ..ok(Buf::empty()) }
    }

    fn may_call(&self, url: &str) -> Result<(), String> {
        let authority =
            manifest::authority(url).ok_or_else(|| format!("\"{url}\" is no absolute http URL"))?;
        let is_own =
            self.base_url.iter().chain(&self.urls).any(|url| manifest::authority(url) == Some(authority));
        let egress = manifest::allowed(&self.manifest);
        if is_own || egress.iter().any(|host| manifest::covers(host, authority)) {
            return Ok(());
        }
        Err(format!("{authority} is neither in the manifest's egress list nor the configured base_url"))
    }

    fn read(&mut self, handle: u64) -> Done {
        let Some(body) = self.bodies.get_mut(&handle) else {
            return failed(status::IO, "no such body");
        };
        match (body.chunks.pop_front(), body.end) {
            (Some(chunk), _) => ok(chunk),
            (None, End::Clean) => {
                self.bodies.remove(&handle);
                failed(status::EOF, "")
            }
            (None, End::Cut) => failed(status::IO, "the connection broke"),
            (None, End::Silent) => failed(status::TIMEOUT, "the upstream fell silent"),
        }
    }

    fn headers(&self, handle: u64) -> Done {
        match self.bodies.get(&handle) {
            Some(body) => {
                Done { meta: serde_json::json!(body.headers).to_string().into(), ..ok(Buf::empty()) }
            }
            None => failed(status::IO, "no such body"),
        }
    }

    fn close(&mut self, handle: u64) -> Done {
        self.bodies.remove(&handle);
        ok(Buf::empty())
    }

    fn secret(&self, name: &[u8]) -> Done {
        if !manifest::reads_secret(&self.manifest) {
            return failed(status::DENIED, "the manifest lacks \"reads_secret\": true");
        }
        let name = String::from_utf8_lossy(name);
        match self.secrets.get(&*name) {
            Some(value) => ok(value.clone().into()),
            None => failed(status::DENIED, format!("there is no secret \"{name}\"")),
        }
    }

    fn value(&mut self, kind: u32, meta: &[u8], value: Buf) -> Done {
        let meta: Value = serde_json::from_slice(meta).unwrap_or_default();
        let text = |key: &str| meta.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let place = (text("session"), text("key"));
        if kind == op::KV_GET {
            return match self.values.get(&place) {
                Some((value, until)) if until.is_none_or(|until| self.now_unix_ms < until) => {
                    ok(value.clone())
                }
                _ => failed(status::EOF, ""),
            };
        }
        if value.len() > KV_BYTES_MAX {
            return failed(status::DENIED, "a value has at most 64 KiB");
        }
        let ttl_ms = meta.get("ttl_ms").and_then(Value::as_u64);
        let until = ttl_ms.map(|ms| self.now_unix_ms.saturating_add(ms));
        match value.is_empty() {
            true => self.values.remove(&place),
            false => self.values.insert(place, (value, until)),
        };
        ok(Buf::empty())
    }
}

fn list<T: serde::de::DeserializeOwned>(meta: &Value, key: &str) -> Vec<T> {
    meta.get(key).cloned().and_then(|list| serde_json::from_value(list).ok()).unwrap_or_default()
}
