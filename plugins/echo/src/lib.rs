//! The embedded default connector: says back what it is told, without a key or a network. Directives are in README.md.
mod answer;
mod ask;
mod render;
mod script;

use answer::{Answer, Manner, Reply};
use lip_plugin::{Connector, Create, Ctx, Error, Model, Result, Turn, export_connector};
use render::Head;

struct Echo;

impl Connector for Echo {
    const MANIFEST: &'static str = r#"{
        "id": "echo", "title": "Echo", "dialects": ["openai-chat"], "auth": "none",
        "env": {}, "egress": [], "models": ["echo", "echo-reasoner"]
    }"#;

    fn create(_: Create<'_>) -> Result<Self> {
        Ok(Self)
    }

    async fn turn(&self, cx: Ctx, turn: Turn) -> Result<()> {
        let request = ask::read(&turn.body)?;
        let (answer, manner) = match answer::decide(&request, &turn.model)? {
            Reply::Say(answer, manner) => (answer, manner),
            Reply::Fail(failure, retry_after) => {
                let error = Error::upstream(failure.status, failure.message);
                return Err(match retry_after {
                    Some(seconds) => error.retry_after_ms(seconds * 1000),
                    None => error,
                });
            }
        };
        let head = Head {
            hash: render::hash(&turn.body),
            created: cx.now_unix_ms() / 1000,
            model: if turn.model.is_empty() { "echo".to_owned() } else { turn.model },
            include_usage: request.include_usage,
        };
        if turn.stream {
            return stream(&cx, &head, &answer, &manner).await;
        }
        if manner.delay_ms > 0 {
            cx.sleep_ms(manner.delay_ms).await?;
        }
        if manner.cut {
            return Err(Error::new("io", "echo was asked to cut this answer"));
        }
        cx.answer(head.whole(&answer));
        Ok(())
    }

    async fn models(&self, _: Ctx) -> Result<Vec<Model>> {
        let model = |id| Model { owned_by: Some("lip".to_owned()), ..Model::named(id) };
        Ok(vec![model("echo"), model(answer::REASONER)])
    }
}

async fn stream(cx: &Ctx, head: &Head, answer: &Answer, manner: &Manner) -> Result<()> {
    let whole = answer.pieces(manner.chunk).count();
    let pieces = if manner.cut { whole / 2 } else { whole };
    cx.send(head.opening()).await;
    for piece in answer.pieces(manner.chunk).take(pieces) {
        if manner.delay_ms > 0 {
            cx.sleep_ms(manner.delay_ms).await?;
        }
        cx.send(head.piece(piece)).await;
    }
    if !manner.cut {
        cx.send(head.closing(answer)).await;
    }
    Ok(())
}

export_connector!(Echo);

#[cfg(test)]
mod tests;
