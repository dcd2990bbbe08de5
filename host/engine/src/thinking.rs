//! A thinker's turn: first another model writes notes on how to go on, then the turn goes where it would have gone, with the notes
//! at its end. The client sees the answer only.
use crate::drive::{self, Drive, Job};
use crate::turn::{Failure, Reply};
use base::{Fault, Kind};
use bytes::Bytes;
use events::attempt::Role;
use http_body_util::{BodyExt, Limited};
use lip_wire::lens::{self, Edits, Field, Lens};
use lip_wire::{Dialect, codec};
use routing::plan::{Plan, Why};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// What the thinker is told, unless the operator says something else.
pub(crate) const INSTRUCTIONS: &str = "Do not answer the user and do not call tools. Another model will do both. Write notes for it: what \
     matters here, what to do next and in which order, what to check, what to avoid. Be brief.";
/// What the notes are given to the other model with.
const PREFACE: &str =
    "Notes on how to go on, from a model that thought about it. The user does not see them:";

/// Time for the notes.
const TIME_MAX: Duration = Duration::from_secs(120);
/// Bytes of an answer that holds notes.
const ANSWER_BYTES_MAX: usize = 4 << 20;
/// Bytes of notes that are handed on.
const NOTES_BYTES_MAX: usize = 16 << 10;

impl Drive {
    /// As [`Self::run`], after the plan's thinker. Without notes, for whatever reason, the turn goes on without them.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub(crate) async fn think_and_run(
        mut self,
        committed: Option<oneshot::Sender<()>>,
    ) -> Result<Reply, Failure> {
        let Some(thinker) = self.job.planned.plan.thinker.clone() else { return self.run(committed).await };
        let began = drive::now();
        let told = self.think(thinker).await;
        let why = match &told {
            Ok(_) => Why::Thought,
            Err(fault) => Why::NotThought(fault.message.clone()),
        };
        let Some(job) = Arc::get_mut(&mut self.job) else {
            let failure = Fault::host(Kind::Internal, "internal error").into();
            self.telling.failed(&failure);
            return Err(failure);
        };
        Arc::make_mut(&mut job.planned.plan).why.push(why);
        match told {
            Ok((lens, edits)) => {
                (job.turn.lens, job.turn.shorthand, job.edits) = (lens, None, edits);
                if let Some(conversation) = &mut self.conversation {
                    conversation.thought();
                }
            }
            Err(fault) => tracing::warn!(%fault, "the thinker wrote no notes"),
        }
        // What the notes took is gone from the whole turn's time, but not from the time to find another backend.
        let spent = drive::now().saturating_duration_since(began);
        self.budgets.turn = self.budgets.turn.saturating_sub(spent);
        self.budgets.commit_after = self.budgets.commit_after.map(|after| after.saturating_sub(spent));
        self.began += spent;
        self.run(committed).await
    }

    /// The request as the session wants it, and the notes that are to be added.
    async fn think(&self, thinker: Arc<Plan>) -> Result<(Lens, Edits), Fault> {
        let (turn, limit) = (&self.job.turn, TIME_MAX.min(self.budgets.turn));
        let lens = lens::scan(turn.dialect, &turn.lens.splice(&self.job.edits)).map_err(internal)?;
        let notes = tokio::time::timeout(limit, notes(&self.job, &lens, thinker, limit)).await;
        let notes = notes.unwrap_or_else(|_| Err(Fault::upstream(Kind::Timeout, "no notes in time")))?;
        let mut edits = lens.edits();
        edits.append_text(&lens, &format!("{PREFACE}\n\n{notes}"));
        Ok((lens, edits))
    }
}

fn internal(error: impl std::error::Error + Send + Sync + 'static) -> Fault {
    Fault::host(Kind::Internal, "internal error").source(error)
}

async fn notes(parent: &Job, own: &Lens, thinker: Arc<Plan>, limit: Duration) -> Result<String, Fault> {
    let dialect = own.dialect();
    let mut edits = own.edits();
    edits.append_text(own, &parent.engine.planner.load().rules.thinker_instructions);
    for (field, value) in [(Field::Stream, Some(false)), (Field::StreamOptions, None)] {
        if field.path(dialect).is_some() {
            match value {
                Some(value) => edits.set(field, value).map_err(internal)?,
                None => edits.remove(field).map_err(internal)?,
            }
        }
    }
    let turn = parent.turn.child(own.clone(), parent.turn.model.clone(), false);
    let planned = parent.engine.dressed(thinker);
    let drive = parent.child((turn, edits), planned, (parent.through.clone(), Role::Notes), limit);
    let reply = Box::pin(drive.run(None)).await.map_err(|failure| failure.fault)?;
    let body = Limited::new(reply.body, ANSWER_BYTES_MAX).collect().await;
    let body = body.map_err(|error| match error.downcast::<Fault>() {
        Ok(fault) => *fault,
        Err(_) => Fault::upstream(Kind::BadGateway, "the thinker's answer is too large"),
    })?;
    read(dialect, &body.to_bytes())
}

fn read(dialect: Dialect, body: &Bytes) -> Result<String, Fault> {
    let (reply, _) = codec::decode_reply(dialect, body)
        .map_err(|e| Fault::upstream(Kind::BadGateway, "the thinker's answer cannot be read").source(e))?;
    let parts = reply.choices.first().into_iter().flat_map(|choice| &choice.parts);
    let text: String = parts.filter_map(|part| part.as_text()).collect();
    let end = text.floor_char_boundary(NOTES_BYTES_MAX);
    match text.get(..end).unwrap_or_default().trim() {
        "" => Err(Fault::upstream(Kind::BadGateway, "the thinker wrote nothing")),
        notes => Ok(notes.to_owned()),
    }
}
