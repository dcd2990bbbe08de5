//! Checks of what a connector owes to its host.
use super::subject::{Kit, Subject, Verdict, ensure};
use crate::stage::SECRET;
use crate::{Outcome, Reply};
use lip_abi::Buf;
use std::sync::Arc;

/// Far more steps than a connector needs for one small answer.
const STEPS_MAX: usize = 1_000;

fn garbage() -> Vec<Buf> {
    let deep = [b"[".repeat(100_000), b"]".repeat(100_000)].concat();
    vec![
        Buf::empty(),
        "{".into(),
        "null".into(),
        "[]".into(),
        "7".into(),
        vec![0xff, 0xfe, 0x00].into(),
        r#"{"model":7,"messages":7,"input":7,"contents":7}"#.into(),
        r#"{"messages":[null,{"role":7},{"role":"user","content":[{"type":"text"},{"text":"\ud800"}]}]}"#
            .into(),
        deep.into(),
    ]
}

/// Garbage from the client or the upstream costs one turn at most.
pub fn garbage_is_survived(kit: &Kit) -> Verdict {
    for subject in kit.subjects() {
        for body in garbage() {
            let from_client = subject.stage().reply(subject.good()).turn(body.clone()).run();
            subject.sane(&from_client, "garbage from the client")?;
            let from_upstream = subject.turn(Reply::chunks(200, "application/json", [body.clone()]));
            subject.sane(&from_upstream, "garbage from the upstream")?;
            let streamed =
                Reply::chunks(200, "text/event-stream", [Buf::from("data: "), body, "\n\ndata: {\n".into()]);
            let streamed = subject.stage().stream().reply(streamed).turn(subject.request).run();
            subject.sane(&streamed, "garbage in the upstream's stream")?;
        }
    }
    Ok(())
}

/// A task that a newer host may ask for is refused with a sentence.
pub fn unknown_task_is_unsupported(kit: &Kit) -> Verdict {
    for subject in kit.subjects() {
        let seen = subject.stage().task("task-of-a-newer-host").run();
        subject.sane(&seen, "unknown task")?;
        ensure(
            seen.error.is_some(),
            || subject.says("an unknown task succeeds"),
            "return Error::unsupported",
        )?;
    }
    Ok(())
}

/// A request body whose life can be watched.
struct Watched {
    text: &'static str,
    _alive: Arc<()>,
}

impl AsRef<[u8]> for Watched {
    fn as_ref(&self) -> &[u8] {
        self.text.as_bytes()
    }
}

/// Dropping a task after any of its steps gives back the request's bytes and never panics.
pub fn cancelling_lets_go(kit: &Kit) -> Verdict {
    for subject in kit.subjects() {
        for stream in [false, true] {
            for steps in 0..STEPS_MAX {
                let alive = Arc::new(());
                let body = Buf::from_owner(Watched { text: subject.request, _alive: Arc::clone(&alive) });
                let stage = subject.stage().reply(subject.good()).turn(body).cancel_after(steps);
                let seen = if stream { stage.stream().run() } else { stage.run() };
                subject.sane(&seen, &format!("cancelled after {steps} steps"))?;
                let ended = !seen.cancelled;
                drop(seen);
                let told =
                    || subject.says(format!("cancelled after {steps} steps, it keeps the request's bytes"));
                let hint = "keep no Buf, Turn or Ctx in the connector or in a static";
                ensure(Arc::strong_count(&alive) == 1, told, hint)?;
                if ended {
                    break;
                }
            }
        }
    }
    Ok(())
}

/// No secret appears where people or other machines read: answers, errors, log lines, URLs, plain headers, bodies.
pub fn secrets_stay_hidden(kit: &Kit) -> Verdict {
    for subject in kit.subjects() {
        let replies = [subject.good(), Reply::text(401, "no"), Reply::text(200, "{"), Reply::refused()];
        for reply in replies {
            hidden(&subject, &subject.turn(reply.clone()))?;
            hidden(&subject, &subject.stage().reply(reply).models().run())?;
        }
    }
    Ok(())
}

fn hidden(subject: &Subject, seen: &Outcome) -> Verdict {
    let mut places = vec![
        ("answer", seen.text()),
        ("error", format!("{:?}", seen.error)),
        ("log", format!("{:?}", seen.log)),
    ];
    places.push(("trace", seen.notes.join("\n")));
    for request in &seen.requests {
        places.push(("URL", request.url.clone()));
        places.push(("request body", String::from_utf8_lossy(&request.body).into_owned()));
        let plain = request.headers.iter().filter(|(name, _)| !request.secret_headers.contains(name));
        places.push(("plain headers", plain.map(|(name, value)| format!("{name}: {value}\n")).collect()));
    }
    for (place, text) in places {
        let told = || subject.says(format!("a secret appears in: {place}"));
        ensure(
            !text.contains(SECRET),
            told,
            "let the host fill it in: HttpRequest::bearer or secret_header",
        )?;
    }
    Ok(())
}
