//! One turn: over accounts, over endpoints, over the few tries that one request may need.
use super::Kiro;
use super::answer::{Answer, Wrong};
use super::catalogue::{self, caps, is_known, wire_name};
use super::effort::{Wish, split_suffix};
use super::identity::{Kind, key};
use super::judge::{self, Meaning};
use super::place::{Endpoint, text};
use super::profile::{discover_for, typed};
use super::request::{self, Ids, State, With};
use lip_plugin::canon::{Collector, Event, Request};
use lip_plugin::{
    AccountState, Buf, Ctx, Error, HttpRequest, HttpResponse, Lease, Refusal, Result, Rotation, Turn, Value,
    Verdict, json, login, serde_json,
};

/// Answers without a word that one request may get.
const EMPTY_MAX: usize = 3;
/// What the question for the date of a new month may take.
const LIMITS_MS: u64 = 5_000;

/// A turn and what it is asked with.
struct Task<'a> {
    cx: &'a Ctx,
    request: Request,
    stream: bool,
    /// As the client named it.
    named: String,
    model: String,
    wish: Wish,
    ids: Ids,
    origin: &'a str,
}

/// How one request came out.
enum Came {
    Served,
    Refused(Refusal),
    /// 200, and nothing in it.
    Empty,
}

impl Task<'_> {
    fn state(&self, reasoning: bool) -> Result<State> {
        let with =
            With { model: &self.model, origin: self.origin, ids: &self.ids, wish: &self.wish, reasoning };
        request::state(&self.request, &with)
    }
}

impl Kiro {
    pub(crate) async fn carry_out(&self, cx: &Ctx, turn: Turn) -> Result<()> {
        let task = self.task(cx, turn).await?;
        let mut state = task.state(true)?;
        state.notes.drain(..).for_each(|note| cx.note(note));
        let mut rotation = Rotation::new(cx, &task.model).await?;
        loop {
            let Some(refusal) = self.of_account(&task, rotation.lease(), &mut state).await? else {
                return Ok(());
            };
            let (meaning, now_ms) = (judge::meaning(&refusal), cx.now_unix_ms());
            let reset_ms = match meaning {
                Meaning::Month if self.monthly.fixed_ms.is_none() => {
                    self.reset_ms(cx, rotation.lease()).await
                }
                _ => None,
            };
            let verdict = judge::verdict(&refusal, meaning, self.monthly, now_ms, reset_ms);
            let until_ms = match &verdict {
                Verdict::Cooling { until_ms, .. } => *until_ms,
                _ => None,
            };
            if !rotation.goes_on(&refusal, &verdict).await? {
                return Err(match verdict {
                    Verdict::TokenRefused => rotation.still_refused(&refusal, &self.instance),
                    _ => judge::error(&refusal, meaning, until_ms, now_ms),
                });
            }
        }
    }

    async fn task<'a>(&'a self, cx: &'a Ctx, turn: Turn) -> Result<Task<'a>> {
        let request: Request =
            serde_json::from_slice(&turn.body).map_err(|error| Error::bad_request(error).param("body"))?;
        let catalogue = catalogue::kept(cx).await;
        let named = if turn.model.is_empty() { request.model.clone() } else { turn.model };
        let spelled = wire_name(&named);
        let (model, suffix) = split_suffix(&spelled, |name| is_known(&catalogue, name));
        let (reasoning, tokens) = (request.reasoning.as_ref(), request.sampling.max_output_tokens);
        let wish = Wish::of(reasoning, suffix, tokens, &caps(&catalogue, model));
        let ids = Ids::of(&turn.session, &turn.body, cx.now_unix_ms());
        let model = if model.is_empty() { "auto" } else { model }.to_owned();
        Ok(Task { cx, request, stream: turn.stream, named, model, wish, ids, origin: &self.origin })
    }

    /// All that one account can do. `None`: it has served.
    async fn of_account(&self, task: &Task<'_>, lease: &Lease, state: &mut State) -> Result<Option<Refusal>> {
        let mut fields = lease.fields.clone();
        if self.profiles.may_ask(&fields) {
            // Where nobody can say, the hosts will.
            if let Ok(Some(arn)) = discover_for(task.cx, &self.hosts, lease).await {
                fields.insert(key::PROFILE.to_owned(), arn.into());
            }
        }
        let mut endpoints = self.endpoints.clone();
        // The runtime wants a profile; who has none is better off with the hosts of before.
        endpoints.sort_by_key(|endpoint| {
            endpoint.is_runtime() && self.profiles.sent(*endpoint, &fields).is_none()
        });
        let mut last = None;
        for endpoint in endpoints {
            match self.at(task, lease, &fields, endpoint, state).await? {
                None => return Ok(None),
                Some(refusal) if judge::meaning(&refusal) == Meaning::Form => {
                    task.cx.note(format!(
                        "{} does not take the request: {}",
                        endpoint.name(),
                        refusal.message()
                    ));
                    // What the first choice says is what it is about.
                    last.get_or_insert(refusal);
                }
                Some(refusal) => return Ok(Some(refusal)),
            }
        }
        Ok(last)
    }

    /// One endpoint, with the tries that a request may need there.
    async fn at(
        &self,
        task: &Task<'_>,
        lease: &Lease,
        fields: &serde_json::Map<String, Value>,
        endpoint: Endpoint,
        state: &mut State,
    ) -> Result<Option<Refusal>> {
        let profile = self.profiles.sent(endpoint, fields);
        let url = self.hosts.chat(endpoint, fields, profile);
        let (mut n_empty, mut attempt) = (0, 0);
        loop {
            attempt += 1;
            let body = envelope(task, state, endpoint, profile);
            let bytes = body.len().saturating_sub(state.image_bytes);
            if bytes > self.payload_bytes_max {
                let told = format!(
                    "the request has {bytes} bytes without its images; Kiro takes {}",
                    self.payload_bytes_max
                );
                return Err(Error::upstream(400, told).client_code("context_length_exceeded"));
            }
            let request = self.request(&url, endpoint, task, attempt).body(body);
            let kind = Kind::of(text(fields, key::KIND));
            let response = task.cx.http(typed(request.leased(lease), kind)).await?;
            match self.answer(task, lease, response, state).await? {
                Came::Served => return Ok(None),
                Came::Refused(refusal)
                    if state.has_reasoning && judge::meaning(&refusal) == Meaning::Signature =>
                {
                    task.cx.note("Kiro does not take the signature of earlier reasoning: it is left out");
                    *state = task.state(false)?;
                }
                Came::Refused(refusal) => return Ok(Some(refusal)),
                Came::Empty => {
                    n_empty += 1;
                    if n_empty >= EMPTY_MAX {
                        return Err(Error::upstream(502, "Kiro answered without a word")
                            .client_code("empty_response"));
                    }
                    task.cx.note("Kiro answered without a word: it is asked again");
                }
            }
        }
    }

    fn request(&self, url: &str, endpoint: Endpoint, task: &Task<'_>, attempt: u32) -> HttpRequest {
        let form = endpoint.form();
        let mut request = HttpRequest::post(url)
            .header("content-type", form.content_type)
            .header("accept", "application/vnd.amazon.eventstream")
            .header("x-amzn-codewhisperer-optout", "true")
            .header("amz-sdk-invocation-id", task.ids.turn.clone())
            .header("amz-sdk-request", format!("attempt={attempt}; max=3"));
        match form.target {
            Some(target) => request = request.header("x-amz-target", target),
            None => request = request.header("x-amzn-kiro-agent-mode", "vibe"),
        }
        self.named(request).headers(self.headers.iter().cloned())
    }

    /// Reads one answer. Nothing reaches the client before the first word: until then it can still be refused.
    async fn answer(
        &self,
        task: &Task<'_>,
        lease: &Lease,
        response: HttpResponse,
        state: &State,
    ) -> Result<Came> {
        if !(200..300).contains(&response.status()) {
            return Ok(Came::Refused(Refusal::read(response).await?));
        }
        let (cx, now_ms) = (task.cx, task.cx.now_unix_ms());
        let mut answer = Answer::new(state.names.clone(), &task.named, now_ms, task.wish.is_tagged());
        let mut messages = response.messages();
        let mut given = Given::new(cx, task.stream);
        let mut out = Vec::new();
        while let Some(message) = messages.next().await? {
            match answer.take(&message, &mut out) {
                Ok(()) => {}
                Err(Wrong::Refused(refusal)) if !given.is_begun && out.is_empty() => {
                    return Ok(Came::Refused(*refusal));
                }
                Err(Wrong::Refused(refusal)) => {
                    given.all(&mut out).await;
                    return Err(judge::error(&refusal, judge::meaning(&refusal), None, cx.now_unix_ms()));
                }
                Err(Wrong::Broken(error)) => return Err(error),
            }
            given.all(&mut out).await;
        }
        if answer.is_empty() {
            return Ok(Came::Empty);
        }
        // Before the client sees the end: its next turn goes by it. A failure to note it is none of the turn's.
        let _ = cx.report(lease, &AccountState::Good).await;
        answer.finish(&mut out);
        given.all(&mut out).await;
        answer.notes().into_iter().for_each(|note| cx.note(note));
        given.end()?;
        Ok(Came::Served)
    }

    /// The date at which the account's month begins anew, if Kiro says so.
    async fn reset_ms(&self, cx: &Ctx, lease: &Lease) -> Option<u64> {
        let profile = self.profiles.own(&lease.fields);
        let query = [
            ("origin", Some(self.origin.as_str())),
            ("resourceType", Some("AGENTIC_REQUEST")),
            ("profileArn", profile),
        ];
        let query: Vec<(&str, &str)> =
            query.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        // Who has no profile is known to the host of before only.
        let base = match profile {
            Some(_) => self.hosts.management(&lease.fields, profile),
            None => self.hosts.q(&lease.fields, profile),
        };
        let request =
            HttpRequest::get(format!("{base}/getUsageLimits?{}", login::form(&query))).timeout_ms(LIMITS_MS);
        let kind = Kind::of(lease.field(key::KIND));
        let asked = cx.http(typed(self.named(request).leased(lease), kind)).await.ok()?;
        let bytes = asked.success().await.ok()?.bytes().await.ok()?;
        judge::reset_ms(&serde_json::from_slice(&bytes).ok()?)
    }
}

/// The whole body: the state, and what stands beside it.
fn envelope(task: &Task<'_>, state: &State, endpoint: Endpoint, profile: Option<&str>) -> Buf {
    let mut body = format!("{{\"conversationState\":{}", state.text);
    let mut add = |key: &str, value: &Value| body.push_str(&format!(",\"{key}\":{value}"));
    if let Some(arn) = profile {
        add("profileArn", &json!(arn));
    }
    if endpoint == Endpoint::Runtime {
        add("agentMode", &json!("vibe"));
    }
    if let Some(fields) = task.wish.fields.as_ref().filter(|_| endpoint.takes_model_fields()) {
        add("additionalModelRequestFields", fields);
    }
    body.push('}');
    body.into()
}

/// What the client is given: events as they come, or one answer at the end.
struct Given<'a> {
    cx: &'a Ctx,
    whole: Option<Collector>,
    is_begun: bool,
}

impl<'a> Given<'a> {
    fn new(cx: &'a Ctx, stream: bool) -> Self {
        let whole = if stream { None } else { Some(Collector::new()) };
        Self { cx, whole, is_begun: false }
    }

    async fn all(&mut self, events: &mut Vec<Event>) {
        for event in events.drain(..) {
            match &mut self.whole {
                Some(whole) => whole.push(event),
                None => {
                    self.is_begun = true;
                    let data = serde_json::to_string(&event).unwrap_or_default();
                    self.cx.send_sse("", &data).await;
                }
            }
        }
    }

    fn end(self) -> Result<()> {
        let Some(whole) = self.whole else { return Ok(()) };
        match whole.finish() {
            Ok(reply) => {
                self.cx.answer(serde_json::to_vec(&reply)?);
                Ok(())
            }
            Err(failure) => Err(Error::new("io", failure.message)),
        }
    }
}
