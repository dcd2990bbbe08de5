//! Does at run time whatever a library can do wrong. The model's name says what: `torture:loops` loops. What an instance does when it
//! is made, asked or dropped stands in its config as `rogue`.
//!
//! What safe Rust can do stands in the modules that forbid `unsafe`. Everything that goes on answers with what it has seen.
mod export;
#[forbid(unsafe_code)]
mod floods;
#[forbid(unsafe_code)]
mod forged;
#[forbid(unsafe_code)]
mod memory;
#[forbid(unsafe_code)]
mod panics;
#[forbid(unsafe_code)]
mod stuck;
#[forbid(unsafe_code)]
mod system;
mod wild;

use lip_plugin::{Connector, Create, Ctx, Error, Model, Passage, Result, Turn, Value, json};
use std::future::Future;
use std::pin::Pin;

/// An instance, with what its config tells it to do.
struct Torture {
    rogue: String,
}

type Work = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

impl Connector for Torture {
    const MANIFEST: &'static str = r#"{"id": "torture", "title": "Torture", "dialects": ["openai-chat"],
        "auth": "none", "models": [{"id": "calm"}]}"#;

    fn create(with: Create<'_>) -> Result<Self> {
        let rogue = with.string("rogue")?.unwrap_or_default();
        match &*rogue {
            "create-panics" => panic!("asked to panic in create"),
            "create-loops" => stuck::spin(),
            "create-aborts" => std::process::abort(),
            _ => Ok(Self { rogue }),
        }
    }

    fn passages(&self) -> Vec<Passage> {
        assert_ne!(self.rogue, "passages-panics", "asked to panic in passages");
        if self.rogue == "passages-loops" {
            stuck::spin();
        }
        Vec::new()
    }

    fn turn(&self, cx: Ctx, turn: Turn) -> impl Future<Output = Result<()>> + Send {
        assert_ne!(turn.model, "start-panics", "asked to panic before there is a future");
        rogue(cx, turn)
    }

    async fn models(&self, _: Ctx) -> Result<Vec<Model>> {
        assert_ne!(self.rogue, "models-panics", "asked to panic in the model list");
        if self.rogue == "models-loops" {
            stuck::spin();
        }
        Ok(vec![Model::named("calm")])
    }
}

impl Drop for Torture {
    fn drop(&mut self) {
        assert_ne!(self.rogue, "instance-drop-panics", "asked to panic when the instance is dropped");
    }
}

/// What the model's name asks for, of all that is asked through the author's crate. What needs forged records is in [`forged`].
fn rogue(cx: Ctx, turn: Turn) -> Work {
    match turn.model.as_str() {
        "calm" => Box::pin(async move { said(&cx, "calm") }),
        "step-panics" => Box::pin(panics::step(cx)),
        "stream-panics" => Box::pin(panics::stream(cx)),
        "payload-panics" => Box::pin(panics::payload(cx)),
        "drop-panics" => Box::pin(panics::dropped(cx)),
        "buffer-panics" => Box::pin(panics::buffer(cx)),
        "thread-panics" => Box::pin(panics::thread(cx)),
        "panics-twice" => Box::pin(panics::twice(cx)),
        "loops" => Box::pin(async { stuck::spin() }),
        "deadlocks" => Box::pin(async { stuck::deadlock() }),
        "sleeps" => Box::pin(async { stuck::sleep() }),
        "polls-itself" => Box::pin(stuck::polls_itself()),
        "drop-loops" => Box::pin(stuck::dropped(cx)),
        "streams-on" => Box::pin(floods::streams(cx)),
        "logs" => Box::pin(floods::logs(cx)),
        "answers-big" => Box::pin(floods::answers_big(cx)),
        "vec-overflows" => Box::pin(memory::vec_overflows(cx)),
        "allocation-fails" => Box::pin(memory::allocation_fails(cx)),
        "allocates" => Box::pin(memory::allocates(cx)),
        "leaks" => Box::pin(memory::leaks(cx)),
        "prints" => Box::pin(system::prints(cx)),
        "exits" => Box::pin(async { std::process::exit(0) }),
        "aborts" => Box::pin(async { std::process::abort() }),
        "overflows" => Box::pin(system::overflows(cx)),
        "threads" => Box::pin(system::threads(cx)),
        "lingers" => Box::pin(system::lingers(cx)),
        "opens-files" => Box::pin(system::opens_files(cx)),
        "changes-folder" => Box::pin(system::changes_folder(cx)),
        "looks-around" => Box::pin(system::looks_around(cx, text(&turn))),
        "connects" => Box::pin(system::connects(cx, text(&turn))),
        "starts-program" => Box::pin(system::starts_program(cx, text(&turn))),
        _ => wild::rogue(cx, turn),
    }
}

/// The answer of a rogue that goes on.
fn said(cx: &Ctx, words: &str) -> Result<()> {
    let answer = json!({"object": "chat.completion", "choices": [{"index": 0, "finish_reason": "stop",
        "message": {"role": "assistant", "content": words}}]});
    cx.answer(answer.to_string());
    Ok(())
}

/// The text of the first message: what the story wants to be done to.
fn text(turn: &Turn) -> String {
    let body: Value = lip_plugin::serde_json::from_slice(&turn.body).unwrap_or_default();
    body["messages"][0]["content"].as_str().unwrap_or_default().to_owned()
}

fn unknown(model: &str) -> Error {
    Error::new("not_found", format!("there is no rogue \"{model}\""))
}
