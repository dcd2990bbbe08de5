//! Makes a turn of a Responses request: what it continues is put before its input, and what its answer adds is noted.
use super::expand;
use super::history::History;
use super::record::{Record, Unstored};
use super::remembered::Remembered;
use super::tap::recorded;
use crate::app::Shared;
use crate::turns::scanned;
use base::{Fault, Kind};
use engine::{Failure, Reply, STORE, Shorthand, Turn, unknown_answer};
use events::wire::judged;
use lip_wire::Dialect;
use lip_wire::lens::{Field, JsonType};
use memchr::memmem;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

pub(crate) const DIALECT: Dialect = Dialect::OpenAiResponses;
/// Names the backend of an answer: `backend:model`.
const ROUTE: &str = "x-lip-route";

/// The host, and what it remembers of answers.
#[derive(Clone, Debug)]
pub(crate) struct Desk {
    pub(crate) app: Shared,
    pub(crate) history: Arc<dyn History>,
}

/// A turn that can be sent, and the note of what it adds.
pub(crate) struct Ready {
    pub(crate) turn: Turn,
    pub(crate) record: Record,
}

/// Answers that one connection remembers for itself, the newest first.
#[derive(Debug, Default)]
pub(crate) struct Recent(VecDeque<Arc<Remembered>>);

impl Recent {
    /// A client continues the newest answer, or goes back a step after an error.
    const ANSWERS_MAX: usize = 8;

    pub(crate) fn push(&mut self, answer: Arc<Remembered>) {
        self.0.truncate(Self::ANSWERS_MAX - 1);
        self.0.push_front(answer);
    }

    fn find(&self, id: &str) -> Option<Arc<Remembered>> {
        self.0.iter().find(|answer| answer.id == id).cloned()
    }
}

impl Desk {
    /// Prepares the turn of a request whose client may continue any answer of its own.
    ///
    /// # Errors
    /// 400 for an unknown `previous_response_id` and for what cannot be served, 413 for a conversation that is too large.
    pub(crate) async fn ready(
        &self,
        turn: Turn,
        recent: &Recent,
        unstored: Unstored,
    ) -> Result<Ready, Fault> {
        refuse_background(turn.lens.body())?;
        let record = |continues| Record {
            lens: turn.lens.clone(),
            continues,
            native: None,
            caller: turn.caller.clone(),
            history: Arc::clone(&self.history),
            unstored,
        };
        let Some(id) = previous(&turn)? else {
            return Ok(Ready { record: record(None), turn });
        };
        let (found, is_asked) = match recent.find(&id) {
            Some(found) => (Some(found), true),
            None => self.found(&turn.caller, &id).await,
        };
        let Some(found) = found else {
            // It may still lie upstream: made before a restart, or longer ago than is kept here. Where clients are told
            // apart the upstream is not asked, for it does not tell them apart. A backend that speaks another dialect
            // cannot be asked; the engine says so.
            judged(turn.wire.as_ref(), STORE, || match self.app.keys.tells_apart() {
                true => Err(unknown_answer(&id)),
                false => Ok(()),
            })?;
            return Ok(Ready { record: record(None), turn });
        };
        let record = record(Some(Arc::clone(&found)));
        let body = expand::whole(&turn.lens, &found, self.app.limits.body_bytes)?;
        let short = |backend| Box::new(Shorthand { backend, lens: turn.lens });
        let shorthand = found.upstream.clone().map(short);
        let continues = Some(id).filter(|_| !is_asked);
        let turn = Turn { lens: scanned(DIALECT, &body)?, shorthand, continues, ..turn };
        Ok(Ready { turn, record })
    }

    /// The answer of this id, and whether the others were asked for it already.
    async fn found(&self, caller: &str, id: &str) -> (Option<Arc<Remembered>>, bool) {
        let now = Instant::now();
        match self.history.own(caller, id, now) {
            Some(own) => (Some(own), false),
            None => (self.history.find(caller, id, now).await, true),
        }
    }

    /// Sends the turn. What is to be remembered of its answer is then known, but for the answer itself.
    pub(crate) async fn send(&self, ready: Ready) -> Result<(Reply, Record), Failure> {
        let Ready { turn, mut record } = ready;
        let reply = self.app.engine.turn(turn).await?;
        let header = |name: &str| reply.headers.get(name).and_then(|value| value.to_str().ok());
        record.native = header(ROUTE).and_then(|route| self.native(route));
        Ok((reply, record))
    }

    /// Sends the turn and has its answer remembered.
    pub(crate) async fn answer(&self, mut ready: Ready) -> Result<Reply, Failure> {
        let rest = self.history.rest();
        ready.turn.rest = rest.clone();
        let (reply, record) = self.send(ready).await?;
        Ok(recorded(reply, record, rest).await)
    }

    /// The backend of a route, if it speaks this dialect itself.
    fn native(&self, route: &str) -> Option<String> {
        let name = route.split_once(':').map_or(route, |(name, _)| name);
        let backends = self.app.engine.backends();
        let backend = backends.get(name)?;
        backend.spec().dialects.contains(&DIALECT).then(|| name.to_owned())
    }
}

fn previous(turn: &Turn) -> Result<Option<String>, Fault> {
    match turn.lens.json_type(Field::PreviousResponseId) {
        None | Some(JsonType::Null) => Ok(None),
        Some(JsonType::String) => {
            Ok(turn.lens.text(Field::PreviousResponseId).map(std::borrow::Cow::into_owned))
        }
        Some(found) => {
            let sentence = format!("previous_response_id: expected a string, found {found}");
            Err(Fault::client(Kind::BadRequest, sentence).code("invalid_type").param("previous_response_id"))
        }
    }
}

/// Source: OpenAI guide "Background mode".
fn refuse_background(body: &[u8]) -> Result<(), Fault> {
    #[derive(Deserialize)]
    struct Wish<'a> {
        #[serde(borrow)]
        background: Option<&'a RawValue>,
    }
    if memmem::find(body, b"\"background\"").is_none() {
        return Ok(());
    }
    let wish = serde_json::from_slice::<Wish<'_>>(body).ok().and_then(|wish| wish.background);
    if wish.is_none_or(|wish| wish.get() != "true") {
        return Ok(());
    }
    let fault = Fault::client(Kind::BadRequest, "background: responses cannot be run in the background here");
    Err(fault
        .code("unsupported_parameter")
        .param("background")
        .hint("Leave the field out and wait, or stream"))
}

#[cfg(test)]
mod tests {
    use super::super::remembered::Meter;
    use super::*;

    #[test]
    fn background_is_refused_where_it_is_asked_for() {
        for (body, refused) in [
            (r#"{"background":true}"#, true),
            (r#"{"model":"m", "background" : true, "input":"x"}"#, true),
            (r#"{"background":false}"#, false),
            (r#"{"background":null}"#, false),
            (r#"{"input":"\"background\":true"}"#, false),
            (r#"{"metadata":{"background":true}}"#, false),
        ] {
            assert_eq!(refuse_background(body.as_bytes()).is_err(), refused, "{body}");
        }
    }

    #[test]
    fn connection_remembers_its_newest_answers() {
        let mut recent = Recent::default();
        for n in 0..20 {
            recent.push(Arc::new(Remembered::of(&format!("r{n}"), "", "", &Meter::default())));
        }
        let known: Vec<_> = (0..20).filter(|n| recent.find(&format!("r{n}")).is_some()).collect();
        assert_eq!(known, (12..20).collect::<Vec<_>>());
    }
}
