//! One row's simulated provider: paths, headers and keys are checked to the letter, then the protocol's server reads and answers.
use crate::asked::{Asked, Said, Told, USAGE};
use crate::bugs::Bug;
use crate::judge::Judge;
use crate::rows::{Auth, Door, Row, Server};
use serde_json::{Value, json};
use stage::{Recorded, Reply, Upstream};
use std::sync::{Arc, Mutex};

/// The one good key. Every row has it.
pub(crate) const KEY: &str = "sk-simulated-key";
/// What a provider says when it refuses; clients must see it.
pub(crate) const REASON: &str = "the simulated provider refuses";
/// Of answers with status 429.
pub(crate) const RETRY_AFTER: &str = "600";

/// A request that was understood, and what was wrong with it.
#[derive(Clone, Default)]
pub(crate) struct Heard {
    pub(crate) asked: Asked,
    /// The protocol in which it was asked; none for a model list.
    pub(crate) door: Option<&'static Door>,
    pub(crate) complaints: Vec<String>,
    /// What was answered.
    pub(crate) sent: Sent,
}

/// An answer, for the record.
#[derive(Clone, Default)]
pub(crate) struct Sent {
    pub(crate) status: u16,
    pub(crate) kind: &'static str,
    pub(crate) body: String,
}

impl Sent {
    fn json(status: u16, body: &Value) -> Self {
        Self { status, kind: "application/json", body: body.to_string() }
    }

    fn whole(&self) -> Reply {
        let reply = Reply::status(self.status).header("Content-Type", self.kind);
        let reply = if self.status == 429 { reply.header("Retry-After", RETRY_AFTER) } else { reply };
        reply.full(&self.body)
    }
}

/// The provider, and what it has heard since it was asked last.
pub(crate) struct Provider {
    pub(crate) upstream: Upstream,
    heard: Arc<Mutex<Vec<Heard>>>,
}

impl Provider {
    /// The provider of `row`. A `bug` corrupts what reaches it, as a wrong connector would.
    pub(crate) async fn start(row: &'static Row, bug: Option<&'static Bug>) -> Self {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&heard);
        let upstream = Upstream::by(move |request| {
            let request = bug.map_or_else(|| request.clone(), |bug| bug.corrupted(request));
            let (heard, reply) = answer(row, &request);
            record.lock().expect("a lock").push(heard);
            reply
        });
        Self { upstream: upstream.await, heard }
    }

    /// Where the row's base lies here.
    pub(crate) fn base(&self, path: &str) -> String {
        format!("{}{path}", self.upstream.url().trim_end_matches("/v1"))
    }

    pub(crate) fn take(&self) -> Vec<Heard> {
        std::mem::take(&mut self.heard.lock().expect("a lock"))
    }
}

fn answer(row: &'static Row, request: &Recorded) -> (Heard, Reply) {
    let mut judge = Judge::default();
    let path = request.target.as_str();
    if request.method == "GET" {
        return list(row, request, judge);
    }
    judge.must(request.method == "POST", format!("method {}", request.method));
    let found = row.doors.iter().find_map(|door| Some((door, door.placed(row, path)?)));
    let Some((door, placed)) = found else {
        judge.complain(format!("there is no POST {path}"));
        return unheard(judge, Sent::json(404, &json!({"error": {"message": "no such path"}})));
    };
    headers(row, door.auth, true, request, &mut judge);
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let asked = door.read(&mut judge, &placed, &body);
    let (sent, reply) = reply(row, door, request, &asked, &body, &judge);
    (Heard { asked, door: Some(door), complaints: judge.complaints, sent }, reply)
}

/// The answer to a request that is no turn.
fn unheard(judge: Judge, sent: Sent) -> (Heard, Reply) {
    let reply = sent.whole();
    (Heard { complaints: judge.complaints, sent, ..Heard::default() }, reply)
}

fn reply(
    row: &Row,
    door: &Door,
    request: &Recorded,
    asked: &Asked,
    body: &Value,
    judge: &Judge,
) -> (Sent, Reply) {
    let whole = |sent: Sent| {
        let reply = sent.whole();
        (sent, reply)
    };
    let refused = |status: u16| {
        let (status, body) = (row.error)(status, door);
        whole(Sent::json(status, &body))
    };
    if !judge.complaints.is_empty() {
        let message = judge.complaints.join("; ");
        let error = json!({"message": message, "type": "strict", "code": null, "param": null});
        return whole(Sent::json(400, &json!({ "error": error })));
    }
    if key_of(door.auth, request).is_some_and(|key| key != KEY) {
        return refused(401);
    }
    if !row.models.contains(&asked.model.as_str()) {
        return refused(404);
    }
    if let Some(status) = asked.prompt().strip_prefix("fail ").and_then(|status| status.parse().ok()) {
        return refused(status);
    }
    let frames = match door.write(asked, body, &told(asked)) {
        Ok(answer) => return whole(Sent::json(200, &answer)),
        Err(frames) => frames,
    };
    let kind = if door.server == Server::Ollama { "application/x-ndjson" } else { "text/event-stream" };
    let sent = Sent { status: 200, kind, body: frames.all.concat() };
    let open = Reply::status(200).header("Content-Type", kind).chunked();
    let (n, is_cut) =
        if asked.prompt() == "cut" { (frames.all.len() / 2, true) } else { (frames.all.len(), false) };
    let reply = frames.all.iter().take(n).fold(open, |reply, frame| reply.send(frame));
    (sent, if is_cut { reply.reset() } else { reply.end() })
}

/// What the model says: each prompt has one answer.
pub(crate) fn told(asked: &Asked) -> Told {
    let mut told = Told { usage: Some(USAGE), ..Told::default() };
    let image = asked.said.iter().any(|said| matches!(said, Said::Image(..)));
    told.text = match asked.prompt() {
        "list src" if !asked.has_result() => String::new(),
        "list src" => "It holds a.txt.".to_owned(),
        "what is this" if image => "A red dot.".to_owned(),
        "think" => "Forty-two, after all.".to_owned(),
        _ => "Hello, dear client.".to_owned(),
    };
    if asked.prompt() == "think" && asked.thinks {
        told.reasoning = "Six times seven.".to_owned();
    }
    if told.text.is_empty() {
        told.calls.push(("ls".to_owned(), json!({"path": "src"})));
    }
    told
}

/// A row's model list. Source: the rows' facts.
fn list(row: &'static Row, request: &Recorded, mut judge: Judge) -> (Heard, Reply) {
    let Some((path, form)) = row.list else {
        judge.complain(format!("there is no GET {}", request.target));
        return unheard(judge, Sent::json(404, &json!({})));
    };
    judge.must(request.target == path, format!("there is no GET {}", request.target));
    judge.must(request.body.is_empty(), "a body of a GET");
    headers(row, row.doors[0].auth, false, request, &mut judge);
    let sent = match judge.complaints.is_empty() {
        true => Sent::json(200, &form(row.models)),
        false => Sent::json(400, &json!({"error": {"message": judge.complaints.join("; ")}})),
    };
    unheard(judge, sent)
}

fn key_of(auth: Auth, request: &Recorded) -> Option<String> {
    match auth {
        Auth::None => None,
        Auth::Bearer => {
            request.header("authorization").map(|value| value.trim_start_matches("Bearer ").to_owned())
        }
        Auth::Header(name) => request.header(name).map(str::to_owned),
    }
}

/// Every header is known, stands there once, and has a value that fits.
fn headers(row: &Row, auth: Auth, has_body: bool, request: &Recorded, judge: &mut Judge) {
    let name_of = |auth| match auth {
        Auth::Bearer => "authorization",
        Auth::Header(name) => name,
        Auth::None => "",
    };
    let mut seen: Vec<String> = Vec::new();
    for (name, value) in &request.headers {
        let name = name.to_ascii_lowercase();
        judge.must(!seen.contains(&name), format!("header {name} comes twice"));
        let fits = match name.as_str() {
            "host" => value.starts_with("127.0.0.1:"),
            "content-length" => value.parse() == Ok(request.body.len()) && has_body,
            "content-type" => value == "application/json" && has_body,
            "accept" => ["*/*", "application/json", "text/event-stream"].contains(&value.as_str()),
            "accept-encoding" => value == "identity",
            "user-agent" => value.starts_with("lip/"),
            "x-llmproxy-loop-guard" => row.takes_guard && !value.is_empty(),
            own if own == name_of(auth) => match auth {
                Auth::Bearer => value.strip_prefix("Bearer ").is_some_and(|key| key.starts_with("sk-")),
                _ => value.starts_with("sk-"),
            },
            own => row.headers.iter().any(|(known, fits)| *known == own && fits(value)),
        };
        judge.must(fits, format!("header {name}: {value} is unknown or wrong"));
        seen.push(name);
    }
    let mut needed = vec!["host", "user-agent"];
    needed.extend(row.needed);
    if has_body {
        needed.extend(["content-type", "content-length"]);
    }
    if auth != Auth::None {
        needed.push(name_of(auth));
    }
    if row.takes_guard {
        needed.push("x-llmproxy-loop-guard");
    }
    for name in needed {
        judge.must(seen.iter().any(|own| own == name), format!("header {name} is missing"));
    }
}
