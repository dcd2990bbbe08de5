//! Who reads the client's messages: answers at once what can be answered, hands prompts to their sessions, and cancels them.
use super::Host;
use super::line::Line;
use super::session::{Prompt, Session, too_many};
use agents::acp::rpc::{self, INVALID_REQUEST, Incoming, PARSE_ERROR};
use agents::acp::serve::ask::{self, Ask, Refusal, SetBy, Told};
use agents::acp::serve::offer;
use agents::acp::serve::transcript::Transcript;
use base::Kind;
use lip_wire::canon::Part;
use serde::de::IgnoredAny;
use serde_json::json;
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// Sessions of one client. Few clients close them: then the one that was used least recently goes.
const SESSIONS_MAX: usize = 64;
/// Prompts of one session that wait for the one that is answered.
const PROMPTS_MAX: usize = 16;
/// All conversations together may have so many times the bytes of the largest one.
const CONVERSATIONS_MAX: usize = 4;
/// Time for cancelled prompts to be answered.
const CLOSE_TIME: Duration = Duration::from_secs(5);

/// All that one client has opened.
pub(super) struct Desk {
    host: Arc<Host>,
    line: Line,
    sessions: HashMap<String, Open>,
    tasks: JoinSet<()>,
    /// Asks the backends for their models before the client does. Nobody waits for it.
    _ahead: JoinSet<()>,
    /// Names of sessions begin so: clients keep them longer than this process lives.
    prefix: String,
    n_opened: u64,
}

/// A session from outside.
struct Open {
    model: Option<String>,
    prompts: mpsc::Sender<Prompt>,
    /// Prompts that are not answered.
    waiting: Vec<Waiting>,
    /// Bytes of its conversation.
    bytes: Arc<AtomicUsize>,
    /// When it was used last, in sessions and prompts.
    used: u64,
}

struct Waiting {
    id: Box<RawValue>,
    cancel: watch::Sender<bool>,
}

impl Open {
    fn cancel(&self) {
        // The newest first: the one that is answered must not make way for one that is about to be cancelled.
        self.waiting.iter().rev().for_each(|waiting| {
            waiting.cancel.send_replace(true);
        });
    }

    fn is_idle(&self) -> bool {
        self.waiting.iter().all(|waiting| waiting.cancel.is_closed())
    }
}

impl Desk {
    pub(super) fn new(host: Arc<Host>, line: Line) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let prefix = format!("lip-{:x}-{:x}", std::process::id(), since.as_nanos() as u64);
        let mut ahead = JoinSet::new();
        let asking = Arc::clone(&host);
        ahead.spawn(async move { drop(asking.models(None).await) });
        let (sessions, tasks) = (HashMap::new(), JoinSet::new());
        Self { host, line, sessions, tasks, _ahead: ahead, prefix, n_opened: 0 }
    }

    pub(super) fn host(&self) -> &Host {
        &self.host
    }

    /// One line of the client's.
    pub(super) async fn hear(&mut self, line: &[u8]) {
        while self.tasks.try_join_next().is_some() {}
        match rpc::read(line) {
            Ok(Incoming::Request { id, method, params }) => {
                let done = match ask::ask(&method, params) {
                    Ok(ask) => self.carry_out(id, ask),
                    Err(refusal) => Err(refusal),
                };
                match done {
                    Ok(Some(answer)) => self.line.say(answer).await,
                    Ok(None) => {}
                    Err(Refusal { code, message }) => self.line.say(rpc::error(id, code, &message)).await,
                }
            }
            Ok(Incoming::Notification { method, params }) => match ask::told(&method, params) {
                Some(Told::Cancel { session }) => {
                    self.sessions.get(&session).iter().for_each(|open| open.cancel())
                }
                Some(Told::CancelRequest { id }) => self.cancel(&id),
                None => tracing::debug!(%method, "the client tells what means nothing here"),
            },
            Ok(Incoming::Response { .. }) => tracing::debug!("the client answers what nobody asked"),
            Err(_) => {
                let (code, message) = match serde_json::from_slice::<IgnoredAny>(line) {
                    Ok(_) => (
                        INVALID_REQUEST,
                        "the line is no message of JSON-RPC; send one object a line, no batches".to_owned(),
                    ),
                    Err(why) => (PARSE_ERROR, format!("the line is no JSON: {why}")),
                };
                self.line.say(rpc::error(RawValue::NULL, code, &message)).await;
            }
        }
    }

    /// A line that was too long to be read.
    pub(super) async fn too_long(&self, bytes_max: usize) {
        let message = format!(
            "a line has more than {bytes_max} bytes; limits.request_body_bytes says how many it may have"
        );
        self.line.say(rpc::error(RawValue::NULL, INVALID_REQUEST, &message)).await;
    }

    /// What is answered at once, if anything is.
    fn carry_out(&mut self, id: &RawValue, ask: Ask) -> Result<Option<Vec<u8>>, Refusal> {
        let answer = match ask {
            Ask::Initialize => offer::initialized(env!("CARGO_PKG_VERSION")),
            Ask::NewSession { cwd, n_servers } => return self.open(id, cwd, n_servers).map(|()| None),
            Ask::Prompt { session, parts } => return self.prompt(id, &session, parts).map(|()| None),
            Ask::SetModel { session, model, by } => {
                let open = self.sessions.get_mut(&session).ok_or_else(|| Refusal::no_session(&session))?;
                if model.trim().is_empty() {
                    return Err(Refusal::params("the model is empty; name one, as backend:model"));
                }
                self.host.engine.plan(&model, 0).map_err(|fault| Refusal::params(fault.public()))?;
                open.model = Some(model.clone());
                if by == SetBy::Option {
                    let (host, line, id) = (Arc::clone(&self.host), self.line.clone(), id.to_owned());
                    self.tasks.spawn(async move {
                        let models = host.models(Some(model)).await;
                        line.say(rpc::result(&id, &models.configured())).await;
                    });
                    return Ok(None);
                }
                json!({})
            }
            Ask::Close { session } => {
                let open = self.sessions.remove(&session).ok_or_else(|| Refusal::no_session(&session))?;
                open.cancel();
                json!({})
            }
        };
        Ok(Some(rpc::result(id, &answer)))
    }

    fn open(&mut self, id: &RawValue, cwd: String, n_servers: usize) -> Result<(), Refusal> {
        self.make_room("")?;
        if n_servers > 0 {
            tracing::info!(n_servers, "tool servers of the client are not used: LIP runs no tools");
        }
        self.n_opened += 1;
        let session = format!("{}-{}", self.prefix, self.n_opened);
        let (prompts, waiting) = mpsc::channel(PROMPTS_MAX);
        let bytes = Arc::new(AtomicUsize::new(0));
        let task = Session {
            id: session.clone(),
            cwd,
            host: Arc::clone(&self.host),
            line: self.line.clone(),
            transcript: Transcript::default(),
            bytes: Arc::clone(&bytes),
        };
        self.tasks.spawn(task.run(waiting));
        let model = self.host.model.clone();
        let open = Open { model: model.clone(), prompts, waiting: Vec::new(), bytes, used: self.n_opened };
        self.sessions.insert(session.clone(), open);
        let (host, line, id) = (Arc::clone(&self.host), self.line.clone(), id.to_owned());
        self.tasks.spawn(async move {
            let models = host.models(model).await;
            line.say(rpc::result(&id, &models.opened(&session))).await;
        });
        Ok(())
    }

    fn prompt(&mut self, id: &RawValue, session: &str, parts: Vec<Part>) -> Result<(), Refusal> {
        if !self.sessions.contains_key(session) {
            return Err(Refusal::no_session(session));
        }
        self.make_room(session)?;
        self.n_opened += 1;
        let open = self.sessions.get_mut(session).ok_or_else(|| Refusal::no_session(session))?;
        open.used = self.n_opened;
        open.waiting.retain(|waiting| !waiting.cancel.is_closed());
        let (cancel, cancelled) = watch::channel(false);
        let prompt = Prompt { id: id.to_owned(), parts, model: open.model.clone(), cancelled };
        open.prompts.try_send(prompt).map_err(|_| too_many(PROMPTS_MAX))?;
        open.waiting.push(Waiting { id: id.to_owned(), cancel });
        Ok(())
    }

    fn cancel(&self, id: &RawValue) {
        let waiting = self.sessions.values().flat_map(|open| &open.waiting);
        waiting.filter(|waiting| waiting.id.get() == id.get()).for_each(|waiting| {
            waiting.cancel.send_replace(true);
        });
    }

    /// Forgets what was used least recently while there is too much; `kept` and what is being answered stays.
    fn make_room(&mut self, kept: &str) -> Result<(), Refusal> {
        let bytes_max = self.host.body_bytes.saturating_mul(CONVERSATIONS_MAX);
        loop {
            let sizes = self.sessions.values().map(|open| open.bytes.load(Ordering::Relaxed));
            let n_new = usize::from(kept.is_empty());
            if self.sessions.len() + n_new <= SESSIONS_MAX && sizes.sum::<usize>() <= bytes_max {
                return Ok(());
            }
            let idle = self.sessions.iter().filter(|(id, open)| *id != kept && open.is_idle());
            let Some(oldest) = idle.min_by_key(|(_, open)| open.used).map(|(id, _)| id.clone()) else {
                let message =
                    format!("{} sessions are busy; close some with session/close", self.sessions.len());
                return Err(Refusal { code: i64::from(Kind::Unavailable.status()), message });
            };
            tracing::info!(session = oldest, "a session is forgotten to make room");
            self.sessions.remove(&oldest);
        }
    }

    /// Cancels everything, and waits until that has been said.
    pub(super) async fn close(mut self) {
        self.sessions.drain().for_each(|(_, open)| open.cancel());
        let tasks = &mut self.tasks;
        let _ = tokio::time::timeout(CLOSE_TIME, async { while tasks.join_next().await.is_some() {} }).await;
    }
}
