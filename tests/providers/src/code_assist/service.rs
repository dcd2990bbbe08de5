//! Code Assist and Google's identity server behind one address.
use super::identity::Identity;
use super::projects::Projects;
use super::scene::{ANTIGRAVITY, MODEL};
use crate::asked::{Asked, Told, USAGE};
use crate::judge::Judge;
use crate::server::gemini;
use serde_json::{Value, json};
use stage::{Recorded, Reply, Upstream};
use std::sync::{Arc, Mutex, MutexGuard};

/// Changes a request as a wrong connector would.
pub(crate) type Corrupt = fn(&mut Recorded);

/// Where a client is told that it is served no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ends {
    /// When the project is asked for: no tier is left.
    BeforeProject,
    /// In a turn.
    InTurn,
}

/// What the service knows and has seen.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// What stands between the host and the service.
    pub(crate) bug: Option<Corrupt>,
    pub(crate) identity: Identity,
    pub(crate) projects: Projects,
    pub(crate) complaints: Vec<String>,
    /// Turns that were understood, with the number of their account.
    pub(crate) turns: Vec<(usize, Asked)>,
    /// Accounts whose quota of the stories' model is used up.
    pub(crate) used_up: Vec<usize>,
    /// No token is taken, however new it is.
    pub(crate) refuses_all: bool,
    /// This client is served no longer.
    pub(crate) ends: Option<Ends>,
    /// Requests with a token that is not good.
    pub(crate) n_refused: usize,
    prompt_ids: Vec<String>,
}

pub(crate) struct Service {
    pub(crate) upstream: Upstream,
    state: Arc<Mutex<State>>,
}

impl Service {
    /// For Gemini CLI's client, or for Antigravity's.
    pub(crate) async fn start(client: &'static str) -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        {
            let mut state = state.lock().expect("a lock");
            state.identity.client = client;
            state.projects.is_antigravity = client == ANTIGRAVITY;
        }
        let own = Arc::clone(&state);
        let upstream = Upstream::by(move |request| {
            let mut request = request.clone();
            let mut judge = Judge::default();
            let mut state = own.lock().expect("a lock");
            if let Some(corrupt) = state.bug {
                corrupt(&mut request);
            }
            let reply = state.answer(&mut judge, &request);
            state.complaints.extend(judge.complaints);
            reply
        });
        Self { upstream: upstream.await, state }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("a lock")
    }

    pub(crate) fn url(&self) -> String {
        self.upstream.url().trim_end_matches("/v1").to_owned()
    }
}

fn refused(status: u16, word: &str, message: &str, details: &Value) -> Reply {
    let error = json!({"code": status, "message": message, "status": word, "details": details});
    Reply::json(status, &json!({ "error": error }).to_string())
}

impl State {
    fn answer(&mut self, judge: &mut Judge, request: &Recorded) -> Reply {
        let (method, target) = (request.method.as_str(), request.target.as_str());
        if (method, target) == ("POST", "/token") {
            let is_form = request.header("content-type") == Some("application/x-www-form-urlencoded");
            judge.must(is_form, "tokens are asked for in another type than a form");
            judge.must(request.header("authorization").is_none(), "tokens are asked for with a token");
            let (status, body) = self.identity.token(judge, &String::from_utf8_lossy(&request.body));
            return Reply::json(status, &body.to_string());
        }
        let token = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        judge.must(token.is_some(), format!("{method} {target} without a token"));
        let account = token.and_then(|token| self.identity.account(token)).filter(|_| !self.refuses_all);
        let Some(account) = account else {
            self.n_refused += 1;
            let message = "Request had invalid authentication credentials.";
            return refused(401, "UNAUTHENTICATED", message, &json!([]));
        };
        if (method, target) == ("GET", "/userinfo") {
            return Reply::json(
                200,
                &json!({"id": "1", "email": format!("user{account}@example.test")}).to_string(),
            );
        }
        let is_json = method == "GET" || request.header("content-type") == Some("application/json");
        judge.must(is_json, format!("{target} in another type than JSON"));
        let agent = request.header("user-agent").unwrap_or_default();
        judge.must(!agent.contains("GeminiCLI"), format!("somebody in disguise: {agent}"));
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let told = match (method, target) {
            ("POST", "/v1internal:loadCodeAssist") if self.ends == Some(Ends::BeforeProject) => json!({
                "ineligibleTiers": [{"tierId": "free-tier", "reasonCode": "UNSUPPORTED_CLIENT",
                    "reasonMessage": "Use Antigravity."}]}),
            ("POST", "/v1internal:loadCodeAssist") => self.projects.load(judge, account, &body),
            ("POST", "/v1internal:onboardUser") => self.projects.onboard(judge, account, &body),
            ("POST", "/v1internal:generateContent") => return self.turn(judge, account, &body, false),
            ("POST", "/v1internal:streamGenerateContent?alt=sse") => {
                return self.turn(judge, account, &body, true);
            }
            ("GET", _) if target.starts_with("/v1internal/operations/") => {
                self.projects.operation(judge, account, target.rsplit('/').next().unwrap_or_default())
            }
            _ => {
                judge.complain(format!("there is no {method} {target}"));
                return Reply::json(404, "{}");
            }
        };
        Reply::json(200, &told.to_string())
    }

    fn turn(&mut self, judge: &mut Judge, account: usize, body: &Value, stream: bool) -> Reply {
        let known: &[&str] = match self.projects.is_antigravity {
            true => &["project", "requestId", "model", "userAgent", "requestType", "request"],
            false => &["model", "project", "user_prompt_id", "request"],
        };
        let (id, session) = match self.projects.is_antigravity {
            true => ("requestId", "sessionId"),
            false => ("user_prompt_id", "session_id"),
        };
        let envelope = judge.object("envelope", body, known);
        let id = judge.text(id, envelope.get(id));
        judge.must(!id.is_empty() && !self.prompt_ids.contains(&id), format!("the id {id} has been there"));
        self.prompt_ids.push(id);
        let project = judge.text("project", envelope.get("project"));
        judge.must(
            self.projects.of(account) == Some(&*project),
            format!("the project {project} of another account"),
        );
        let model = judge.text("model", envelope.get("model"));
        let mut request = envelope.get("request").clone();
        let named = request.as_object_mut().and_then(|request| request.remove(session));
        judge.must(
            named.is_some_and(|id| id.as_str().is_some_and(|id| !id.is_empty())),
            format!("no {session}"),
        );
        if self.projects.is_antigravity {
            antigravity(judge, envelope.get("requestType"), &model, &request);
        }
        let asked = gemini::read(judge, &model, stream, &request);
        if !judge.complaints.is_empty() {
            return refused(400, "INVALID_ARGUMENT", "Request contains an invalid argument.", &json!([]));
        }
        if self.ends == Some(Ends::InTurn) {
            let info = json!({"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "SUBSCRIPTION_REQUIRED",
                "domain": "cloudcode-pa.googleapis.com"});
            let message = "Gemini CLI no longer serves your account. Use Antigravity.";
            return refused(403, "PERMISSION_DENIED", message, &json!([info]));
        }
        if model == MODEL && self.used_up.contains(&account) {
            let info = json!({"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "QUOTA_EXHAUSTED",
                "domain": "cloudcode-pa.googleapis.com", "metadata": {"quotaResetDelay": "1h23m20s", "model": model}});
            let message =
                "You have exhausted your capacity on this model. Your quota will reset after 1h23m20s.";
            return refused(429, "RESOURCE_EXHAUSTED", message, &json!([info]));
        }
        let reply = said(&asked);
        self.turns.push((account, asked));
        reply
    }
}

/// What Antigravity's models want besides.
fn antigravity(judge: &mut Judge, kind: &Value, model: &str, request: &Value) {
    judge.word("requestType", kind, &["agent"]);
    let has_tools = !request["tools"].is_null();
    let is_claude = model.starts_with("claude-");
    let mode = &request["toolConfig"]["functionCallingConfig"]["mode"];
    judge.must(!is_claude || !has_tools || mode == "VALIDATED", format!("the mode is {mode}"));
    let limit = &request["generationConfig"]["maxOutputTokens"];
    judge.must(is_claude || limit.is_null(), "a limit of output");
    let text = request["tools"].to_string();
    judge.must(!text.contains("parametersJsonSchema"), "parametersJsonSchema");
}

/// What the model says: each prompt has one answer.
fn said(asked: &Asked) -> Reply {
    let text = |text: &str| Told { text: text.to_owned(), usage: Some(USAGE), ..Told::default() };
    let told = match asked.prompt() {
        _ if asked.has_result() => text("It holds a.txt."),
        "list src" => Told { calls: vec![("ls".to_owned(), json!({"path": "src"}))], ..text("") },
        "think" => Told { reasoning: "Six times seven.".to_owned(), ..text("Forty-two, after all.") },
        _ => text("Hello, dear client."),
    };
    match gemini::write(asked, &told) {
        Ok(whole) => Reply::json(200, &json!({"response": whole, "traceId": "t"}).to_string()),
        Err(frames) => {
            // One comma too many has been seen of the real service.
            let wrapped = |frame: &String| {
                let frame = frame.trim().strip_prefix("data: ").expect("an event").to_owned();
                format!("data: {{\"response\":{frame},,\"traceId\":\"t\"}}\r\n\r\n")
            };
            let mut frames: Vec<String> = frames.all.iter().map(wrapped).collect();
            match asked.prompt() {
                "cut" => drop(frames.pop()),
                "fail" => {
                    frames.truncate(1);
                    frames.push("data: {\"error\":{\"code\":500,\"message\":\"oops\",\"status\":\"INTERNAL\"}}\r\n\r\n".to_owned());
                }
                _ => {}
            }
            let open = Reply::status(200).header("Content-Type", "text/event-stream").chunked();
            frames.iter().fold(open, Reply::send).end()
        }
    }
}
