//! Checks of what the client gets for what the upstream does.
use super::subject::{Kit, Subject, Verdict, ensure};
use crate::Reply;
use lip_abi::Buf;
use lip_plugin::Value;

/// A good answer reaches the client, streamed or not.
pub fn answer_reaches_the_client(kit: &Kit) -> Verdict {
    let subjects = kit.subjects();
    let none = || "no dialect of the manifest has samples in the testkit: nothing can be checked".to_owned();
    ensure(!subjects.is_empty(), none, "check the spelling of `dialects`")?;
    for subject in subjects {
        let plain = subject.turn(subject.good());
        let streamed = subject.stage().stream().reply(subject.good()).turn(subject.request).run();
        for (seen, when) in [(plain, "not streamed"), (streamed, "streamed")] {
            subject.sane(&seen, when)?;
            let told = || {
                subject.says(format!("a good answer comes out as {} {:?}, {when}", seen.status, seen.error))
            };
            let good = seen.status == 200 && seen.whole && !seen.body.is_empty();
            ensure(good, told, "splice the upstream's answer; check path, egress and the sample")?;
            if seen.spliced {
                continue;
            }
            // It wrote the answer itself: the frame must be one that a client of the dialect can read.
            let frames = seen.sse();
            let framed = match (when, subject.dialect) {
                ("streamed", "openai-chat") => frames.last().is_some_and(|last| last == "[DONE]"),
                ("streamed", _) => true,
                _ => seen.json() != Value::Null,
            };
            ensure(
                framed,
                || subject.says(format!("the answer is not framed, {when}")),
                "JSON, or SSE that ends in [DONE]",
            )?;
        }
    }
    Ok(())
}

/// An upstream's error is an error for the client, with its status if it is spliced.
pub fn upstream_errors_reach_the_client(kit: &Kit) -> Verdict {
    let body = r#"{"error":{"message":"no","type":"invalid_request_error","param":null,"code":null}}"#;
    for subject in asking(kit) {
        for status in [400, 401, 403, 404, 413, 429, 500, 503, 529] {
            let reply = Reply::chunks(status, "application/json", [body]).header("retry-after", "7");
            let seen = subject.turn(reply);
            subject.sane(&seen, &format!("upstream says {status}"))?;
            let told = || subject.says(format!("upstream says {status}, the client gets {}", seen.status));
            let kept = seen.error.is_some() || (seen.spliced && seen.status == status);
            ensure(kept, told, "splice errors too, or return Error::upstream(status, …)")?;
        }
    }
    Ok(())
}

/// No connection and no head are errors.
pub fn dead_upstream_is_an_error(kit: &Kit) -> Verdict {
    for subject in asking(kit) {
        for (reply, when) in [(Reply::refused(), "connection refused"), (Reply::timeout(), "no head in time")]
        {
            let seen = subject.turn(reply);
            subject.sane(&seen, when)?;
            ensure(
                seen.error.is_some(),
                || subject.says(format!("{when}: no error")),
                "pass errors of cx.http on with `?`",
            )?;
        }
    }
    Ok(())
}

/// An answer that breaks off never looks finished.
pub fn cut_answer_is_not_whole(kit: &Kit) -> Verdict {
    for subject in asking(kit) {
        let half = subject.answer.get(..subject.answer.len() / 2).unwrap_or_default();
        let reply = Reply::chunks(200, "application/json", [Buf::from_static(half)]);
        for (reply, when) in
            [(reply.clone().cut(), "connection cut"), (reply.silent(), "upstream falls silent")]
        {
            let seen = subject.turn(reply);
            subject.sane(&seen, when)?;
            ensure(
                !seen.whole,
                || subject.says(format!("{when}: it looks finished")),
                "pass errors of chunk() on with `?`",
            )?;
        }
    }
    Ok(())
}

/// Without its secret a connector says so instead of asking the upstream without it.
pub fn missing_secret_is_an_error(kit: &Kit) -> Verdict {
    for subject in asking(kit) {
        let with = subject.turn(subject.good());
        if with.requests.iter().all(|request| request.secret_headers.is_empty()) {
            continue;
        }
        let seen = subject.stage().no_secrets().reply(subject.good()).turn(subject.request).run();
        subject.sane(&seen, "no secret")?;
        let told = || subject.says("it asks the upstream without its secret");
        ensure(
            seen.requests.is_empty() && seen.error.is_some(),
            told,
            "use HttpRequest::bearer or secret_header",
        )?;
    }
    Ok(())
}

/// The model list can be read, or is not offered; a broken one is an error.
pub fn models_are_listed(kit: &Kit) -> Verdict {
    for subject in kit.subjects() {
        let list = |reply| subject.stage().reply(reply).models().run();
        let good = list(Reply::chunks(200, "application/json", [kit.sample().models()]));
        subject.sane(&good, "models")?;
        let named = !good.models().is_empty() && good.models().iter().all(|model| !model.id.is_empty());
        let told = || subject.says(format!("models gives {:?} {:?}", good.models(), good.error));
        ensure(named || good.code() == "unsupported", told, "read the ids, or leave models() out")?;
        if good.requests.is_empty() {
            continue;
        }
        let broken = [
            Reply::chunks(401, "application/json", [r#"{"error":{"message":"no"}}"#]),
            Reply::text(200, "<html>"),
            Reply::json(200, &Value::Null),
            Reply::refused(),
        ];
        for reply in broken {
            let seen = list(reply.clone());
            subject.sane(&seen, "models, broken")?;
            let told = || subject.says(format!("models accepts {reply:?}"));
            ensure(
                seen.error.is_some(),
                told,
                "a list that cannot be read is an error: the host keeps the old one",
            )?;
        }
    }
    Ok(())
}

/// The connectors that ask an upstream. One that declares hosts and asks none is caught by `answer_reaches_the_client`.
fn asking(kit: &Kit) -> Vec<Subject> {
    let mut all = kit.subjects();
    all.retain(|subject| !subject.turn(subject.good()).requests.is_empty());
    all
}
