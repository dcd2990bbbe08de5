//! Kiro behind one address: identities, turns, models, limits.
use super::answer;
use super::identity::{Identity, PROFILE};
use super::turns::{self, Heard};
use crate::judge::Judge;
use serde_json::{Value, json};
use stage::{Recorded, Reply, Upstream};
use std::sync::{Arc, Mutex, MutexGuard};

/// Changes a request as a wrong connector would.
pub(crate) type Corrupt = fn(&mut Recorded);

/// What the service knows and has seen.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// What stands between the host and the service.
    pub(crate) bug: Option<Corrupt>,
    pub(crate) identity: Identity,
    pub(crate) complaints: Vec<String>,
    /// Turns that were understood, with the number of their account.
    pub(crate) turns: Vec<(usize, Heard)>,
    /// Accounts whose month is used up.
    pub(crate) used_up: Vec<usize>,
    /// Seconds since 1970 at which their month begins anew.
    pub(crate) resets_at: u64,
}

pub(crate) struct Service {
    pub(crate) upstream: Upstream,
    state: Arc<Mutex<State>>,
}

pub(crate) const SIGNATURE: &str = "c2lnbmVkIGJ5IEtpcm8=";
pub(crate) const MODELS: [&str; 3] = ["claude-sonnet-4.6", "gpt-5.6-sol", "auto"];
const CALL_ID: &str = "tooluse_7f3a";
/// Kiro's newer operations.
const TURN: &str = "KiroRuntimeService.GenerateAssistantResponse";
const LIST: &str = "KiroControlPlaneBearerService.ListAvailableModels";

impl Service {
    pub(crate) async fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
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

fn refused(status: u16, reason: &str, message: &str) -> Reply {
    let kind = "com.amazon.kiro.runtimeservice#Exception";
    Reply::json(status, &json!({"__type": kind, "message": message, "reason": reason}).to_string())
}

impl State {
    fn answer(&mut self, judge: &mut Judge, request: &Recorded) -> Reply {
        let path = request.target.split('?').next().unwrap_or_default();
        let is_json = request.header("content-type") == Some("application/json");
        let mut body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        if let Some((status, body)) = self.identity.answer(judge, path, &body) {
            judge.must(is_json, "an identity is asked in another type than JSON");
            judge.must(request.header("authorization").is_none(), "an identity is asked with a token");
            return Reply::json(status, &body.to_string());
        }
        let token = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        judge.must(token.is_some(), format!("{} {path} without a token", request.method));
        let Some(account) = token.and_then(|token| self.identity.account(token)) else {
            return refused(403, "", "The bearer token included in the request is invalid.");
        };
        match (request.method.as_str(), path, request.header("x-amz-target")) {
            ("POST", "/", Some(TURN)) => {
                let kind = request.header("content-type");
                judge.must(kind == Some("application/x-amz-json-1.0"), "a target in another type");
                self.turn(judge, account, request, &body)
            }
            ("POST", "/generateAssistantResponse", None) => {
                judge.must(is_json, "a path in another type");
                judge.must(request.header("x-amzn-kiro-agent-mode") == Some("vibe"), "no mode of the agent");
                judge.must(body.get("agentMode").is_none(), "agentMode by path");
                // The header says it here.
                body["agentMode"] = json!("vibe");
                self.turn(judge, account, request, &body)
            }
            ("POST", "/", Some(LIST)) => {
                judge.object("list", &body, &["origin", "profileArn"]);
                let limits = json!({"maxInputTokens": 200_000, "maxOutputTokens": 64_000});
                let one = |id: &str| json!({"modelId": id, "modelName": id, "tokenLimits": limits});
                Reply::json(200, &json!({"models": MODELS.map(one), "defaultModelId": "auto"}).to_string())
            }
            ("GET", "/getUsageLimits", None) => {
                let limits = json!({"nextDateReset": self.resets_at, "usageBreakdownList": []});
                Reply::json(200, &limits.to_string())
            }
            (method, path, target) => {
                judge.complain(format!("there is no {method} {path} {target:?}"));
                Reply::json(404, "{}")
            }
        }
    }

    fn turn(&mut self, judge: &mut Judge, account: usize, request: &Recorded, body: &Value) -> Reply {
        for (name, value) in [
            ("x-amzn-codewhisperer-optout", "true"),
            ("amz-sdk-request", "attempt=1; max=3"),
            ("accept", "application/vnd.amazon.eventstream"),
        ] {
            let is = request.header(name);
            judge.must(is == Some(value), format!("the header {name} is {is:?}"));
        }
        let heard = turns::read(judge, body);
        let is_runtime = request.header("x-amz-target").is_some();
        judge.must(
            heard.profile.is_empty() || heard.profile == PROFILE,
            format!("the profile {}", heard.profile),
        );
        if !judge.complaints.is_empty() {
            return refused(400, "REQUEST_BODY_INVALID", "Improperly formed request.");
        }
        if is_runtime && heard.profile.is_empty() {
            return refused(400, "", "profileArn is required for this request.");
        }
        if !MODELS.contains(&heard.model.as_str()) {
            return refused(400, "INVALID_MODEL_ID", "Invalid model.");
        }
        if heard.signatures.iter().any(|signature| signature != SIGNATURE) {
            return refused(400, "THINKING_SIGNATURE_INVALID", "Invalid signature.");
        }
        if self.used_up.contains(&account) {
            return refused(402, "MONTHLY_REQUEST_COUNT", "You have reached the limit of your plan.");
        }
        let reply = said(&heard);
        self.turns.push((account, heard));
        reply
    }
}

/// What the model says: each prompt has one answer.
fn said(heard: &Heard) -> Reply {
    let open = Reply::status(200).header("Content-Type", "application/vnd.amazon.eventstream").chunked();
    let mut messages = match heard.prompt.as_str() {
        "list src" => answer::call(CALL_ID, "ls", "{\"path\":\"src\"}"),
        "what is this" if heard.images == 1 => answer::text("A red dot."),
        "think" if !heard.effort.is_empty() => {
            let mut all = answer::reasoning("Six times seven.", SIGNATURE);
            all.extend(answer::text("Forty-two, after all."));
            all
        }
        _ if heard.has_results => answer::text("It holds a.txt."),
        _ => answer::text("Hello, dear client."),
    };
    match heard.prompt.as_str() {
        "cut" => {
            // Half of a message, and the end of the body.
            let mut half = messages.pop().unwrap_or_default();
            half.truncate(half.len() / 2);
            messages.push(half);
        }
        "throw" => {
            messages.push(answer::exception("InternalServerException", "the simulated provider fails"));
        }
        "short" => {}
        _ => messages.extend(answer::end()),
    }
    messages.iter().fold(open, |reply, message| reply.send(message)).end()
}
