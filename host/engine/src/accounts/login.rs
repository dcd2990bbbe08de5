//! A login: the connector leads, the host shows what it says, listens for the browser, and keeps the account.
use super::form::Told;
use super::keeper;
use crate::conversation::now_ms;
use crate::engine::Engine;
use crate::scope::{Scope, ready};
use base::{Fault, Kind, Secret};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::once;
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use loader::run::{Effect, EffectFuture, Effects, Outcome, Refusal};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::Duration;
use vault::login::{self, Done, Listener, NoCode};

/// How long a person may take.
const LOGIN_DEADLINE: Duration = Duration::from_secs(900);
/// The most of a file that an account is taken over from.
const IMPORT_BYTES_MAX: u64 = 4 << 20;

/// What a person is to do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Shown {
    /// Where to go.
    pub url: String,
    /// What to type there.
    pub code: Option<String>,
    /// Milliseconds until it is too late.
    pub expires_in_ms: Option<u64>,
}

/// Where a login takes place: who shows things to a person and hears from him.
pub trait Desk: Send + Sync {
    /// Tells him what to do.
    fn show(&self, shown: Shown);

    /// Tells him what is the matter.
    fn say(&self, sentence: &str);

    /// What he pastes in place of the browser's callback, such as the address that it ended at. Never, where he cannot.
    fn pasted(&self) -> BoxFuture<'static, String>;
}

/// Which login is wanted.
#[derive(Clone, Debug, Default)]
pub struct LoginAsk {
    /// The backend.
    pub backend: String,
    /// The account's name; empty: chosen here.
    pub account: String,
    /// One of the connector's ways; empty: its first.
    pub method: String,
    /// What the person said besides.
    pub options: Map<String, Value>,
}

/// The account of a login that went well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedIn {
    /// Its name.
    pub account: String,
    /// What a person knows it by.
    pub label: String,
    /// Why it will not serve, if its service has ended.
    pub ended: Option<String>,
}

impl Engine {
    /// Leads a person through a login, and keeps the account.
    ///
    /// # Errors
    /// Why there is no account, with the remedy.
    pub async fn login(&self, ask: LoginAsk, desk: Arc<dyn Desk>) -> Result<LoggedIn, Fault> {
        let (backend, (_, plan)) = self.account_backend(&ask.backend).await?;
        let Some(first) = plan.logins.first() else {
            let fault =
                Fault::host(Kind::BadRequest, format!("backend \"{}\" has no login of its own", ask.backend));
            // Where the service has ended, the login of another program helps nobody.
            let hint = plan.ended.as_ref().unwrap_or(&plan.login_hint);
            return Err(fault.hint(hint.clone()));
        };
        let method = if ask.method.is_empty() { first } else { &ask.method };
        if !plan.logins.contains(method) {
            let known = plan.logins.join(", ");
            let sentence = format!("backend \"{}\" knows no login \"{method}\"", ask.backend);
            return Err(Fault::host(Kind::BadRequest, sentence).hint(format!("It knows: {known}")));
        }
        check_name(&ask.account)?;
        let mut random = [0_u8; 32];
        getrandom::fill(&mut random)
            .map_err(|e| Fault::host(Kind::Internal, format!("the system gives no random bytes: {e}")))?;
        let body = json!({
            "method": method, "account": ask.account, "options": ask.options, "random": base::hex(&random),
        });
        let scope = self.scope(Arc::clone(&backend), 0, self.host_id());
        let effects = Arc::new(AtDesk { scope, desk });
        let task = keeper::whole(&backend, effects, "login", body.to_string().into_bytes());
        let told = tokio::time::timeout(LOGIN_DEADLINE, task)
            .await
            .map_err(|_| Fault::client(Kind::Timeout, "the login has taken longer than 15 minutes"))??;
        self.keep(&ask.backend, &ask.account, Told::read(&told)?, plan.ended.clone()).await
    }

    /// Takes an account over from a file of another program: `file`, or the first that is there of those that the connector knows.
    ///
    /// # Errors
    /// Why there is no account in it, or no such file.
    pub async fn import_account(
        &self,
        ask: LoginAsk,
        file: Option<&std::path::Path>,
    ) -> Result<LoggedIn, Fault> {
        let (backend, (_, plan)) = self.account_backend(&ask.backend).await?;
        check_name(&ask.account)?;
        let home = self.means().accounts.home.as_deref();
        let known = plan.imports.iter().chain(&plan.files);
        let candidates: Vec<_> = match file {
            Some(file) => known.map(|known| (file.to_owned(), &known.format)).collect(),
            None => known.filter_map(|known| Some((known.path(home)?, &known.format))).collect(),
        };
        let mut problem =
            Fault::host(Kind::NotFound, "there is no file of another program to take an account from");
        for (path, format) in candidates.iter().filter(|(path, _)| path.is_file()) {
            let bytes = match read(path) {
                Ok(bytes) => bytes,
                Err(error) => {
                    problem =
                        Fault::host(Kind::Unavailable, format!("{} cannot be read: {error}", path.display()));
                    continue;
                }
            };
            match keeper::read_file(&backend, format, bytes).await {
                Ok(told) => return self.keep(&ask.backend, &ask.account, told, plan.ended.clone()).await,
                Err(fault) => {
                    problem = fault;
                    problem.message = format!("{}: {}", path.display(), problem.message);
                }
            }
        }
        let looked: Vec<String> = candidates.iter().map(|(path, _)| path.display().to_string()).collect();
        Err(if problem.hint.is_none() && !looked.is_empty() {
            problem.hint(format!("Looked at: {}", looked.join(", ")))
        } else {
            problem
        })
    }

    async fn keep(
        &self,
        backend: &str,
        name: &str,
        told: Told,
        ended: Option<String>,
    ) -> Result<LoggedIn, Fault> {
        let (backend, (pool, _)) = self.account_backend(backend).await?;
        let mut account = told.account(&backend.spec().connector, now_ms());
        if account.access_token.is_none() && account.refresh_token.is_none() {
            return Err(Fault::plugin(Kind::BadGateway, "the login brought no token"));
        }
        if !name.is_empty() {
            account.name = name.to_owned();
        } else if !vault::is_name(&account.name) {
            account.name = name_of(&account.label);
        }
        let (account_name, label) = (account.name.clone(), account.label.clone());
        pool.put(account).await.map_err(|error| Fault::host(Kind::Unavailable, error.to_string()))?;
        Ok(LoggedIn { account: account_name, label, ended })
    }
}

/// A name for an account that nobody named: its label, as far as names go.
fn name_of(label: &str) -> String {
    const NAME_CHARS_MAX: usize = 64;
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let name: String = label.chars().map(plain).collect();
    let name: String = name.trim_matches('-').chars().take(NAME_CHARS_MAX).collect();
    if vault::is_name(&name) { name } else { "default".to_owned() }
}

fn check_name(name: &str) -> Result<(), Fault> {
    if name.is_empty() || vault::is_name(name) {
        return Ok(());
    }
    let fault = Fault::client(Kind::BadRequest, format!("\"{name}\" is no name for an account"));
    Err(fault.hint("At most 64 letters, digits, - and _, and none of the last two at its beginning"))
}

fn read(path: &std::path::Path) -> std::io::Result<Bytes> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(IMPORT_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(bytes.into())
}

/// The effects of a login.
struct AtDesk {
    scope: Scope,
    desk: Arc<dyn Desk>,
}

#[derive(Deserialize)]
struct Wanted {
    #[serde(default)]
    ports: Vec<u16>,
    path: String,
    state: String,
}

impl Effects for AtDesk {
    fn start(&self, effect: Effect) -> EffectFuture {
        match effect {
            Effect::Show { meta } => ready(match serde_json::from_slice(&meta) {
                Ok(shown) => {
                    self.desk.show(shown);
                    Outcome::Done
                }
                Err(error) => {
                    Outcome::Failed(Refusal::Denied, format!("what is to be shown is malformed: {error}"))
                }
            }),
            Effect::Listen { meta } => self.listen(&meta),
            other => self.scope.start(other),
        }
    }
}

impl AtDesk {
    /// Listens, and hands on what comes first: the browser, or what the person pastes.
    fn listen(&self, meta: &[u8]) -> EffectFuture {
        let Wanted { ports, path, state } = match serde_json::from_slice(meta) {
            Ok(wanted) => wanted,
            Err(error) => {
                let sentence = format!("the description of the callback is malformed: {error}");
                return ready(Outcome::Failed(Refusal::Denied, sentence));
            }
        };
        let desk = Arc::clone(&self.desk);
        Box::pin(async move {
            let ports = if ports.is_empty() { vec![0] } else { ports };
            let listener = match Listener::bind(&ports, &path).await {
                Ok(listener) => listener,
                Err(error) => return Outcome::Failed(Refusal::Io, error.to_string()),
            };
            let port = listener.port();
            let query = async move {
                let code = code(listener, &*desk, &state).await?;
                Ok(Frame::data(Bytes::from(json!({"code": code.expose()}).to_string())))
            };
            Outcome::Listening(port, StreamBody::new(once(query)).boxed_unsync())
        })
    }
}

/// The code that the provider gave.
async fn code(listener: Listener, desk: &dyn Desk, state: &str) -> Result<Secret<String>, Fault> {
    let refused = |why: String| Fault::upstream(Kind::Unauthorized, why);
    let pasted = async {
        loop {
            match login::pasted(&desk.pasted().await, state) {
                Ok(code) => return Ok(code),
                Err(no @ NoCode::Refused(_)) => return Err(refused(no.to_string())),
                // Not what was wanted: he may try again.
                Err(no) => desk.say(&no.to_string()),
            }
        }
    };
    tokio::select! {
        came = listener.wait(state, &Done::Page, LOGIN_DEADLINE) => came.map_err(|no| refused(no.to_string())),
        pasted = pasted => pasted,
    }
}

#[cfg(test)]
mod tests {
    use super::name_of;

    #[test]
    fn labels_become_names() {
        for (label, name) in
            [("Me@Example.com", "me-example-com"), ("", "default"), ("äöü", "default"), ("-a-", "a")]
        {
            assert_eq!(name_of(label), name);
        }
        assert!(vault::is_name(&name_of(&"x".repeat(99))));
    }
}
