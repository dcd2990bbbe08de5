//! Checks of what the client gets when the upstream does not do well.
use super::subject::{Kit, Subject, Verdict, ensure};
use super::turn::garbage;
use crate::Reply;
use lip_abi::Buf;

const REFUSAL: &str = r#"{"error":{"message":"no","type":"invalid_request_error","param":null,"code":null}}"#;

fn refusal(status: u16) -> Reply {
    Reply::chunks(status, "application/json", [REFUSAL])
}

/// The client's fault stays the client's.
pub fn refusals_reach_the_client(kit: &Kit) -> Verdict {
    statuses(kit, &[400, 401, 403, 404, 413])
}

/// The upstream's fault is the upstream's.
pub fn server_errors_reach_the_client(kit: &Kit) -> Verdict {
    statuses(kit, &[500, 502, 503, 529])
}

fn statuses(kit: &Kit, statuses: &[u16]) -> Verdict {
    for subject in kit.asking() {
        for &status in statuses {
            let seen = subject.turn(refusal(status));
            subject.sane(&seen, &format!("upstream says {status}"))?;
            let told = || subject.says(format!("upstream says {status}, the client gets {}", seen.status));
            let kept = seen.error.is_some() || (seen.spliced && seen.status == status);
            ensure(kept, told, "splice errors too, or return Error::upstream(status, …)")?;
        }
    }
    Ok(())
}

/// The time that the upstream names is not lost.
pub fn throttling_reaches_the_client(kit: &Kit) -> Verdict {
    for subject in kit.asking() {
        let seen = subject.turn(refusal(429).header("retry-after", "7"));
        subject.sane(&seen, "upstream says 429")?;
        let told =
            || subject.says(format!("upstream says 429, the client gets {} {:?}", seen.status, seen.error));
        let kept = match &seen.error {
            // An account that is used up is the host's business: it was told of it, or says so itself.
            Some(error) => error.retry_after_ms.is_some() || error.code == "rate_limited",
            None => seen.spliced && seen.status == 429,
        };
        ensure(kept, told, "splice it, or return Error::upstream(429, …).retry_after_ms(ms)")?;
    }
    Ok(())
}

/// Statuses of no use end in something.
pub fn odd_statuses_are_survived(kit: &Kit) -> Verdict {
    for subject in kit.asking() {
        for status in [204, 304, 418, 600] {
            for reply in [refusal(status), Reply::chunks(status, "text/plain", [Buf::empty()])] {
                subject.sane(&subject.turn(reply), &format!("upstream says {status}"))?;
            }
        }
    }
    Ok(())
}

/// No connection and no head are errors.
pub fn dead_upstream_is_an_error(kit: &Kit) -> Verdict {
    for subject in kit.asking() {
        for (reply, when) in [(Reply::refused(), "connection refused"), (Reply::timeout(), "no head in time")]
        {
            let seen = subject.turn(reply);
            subject.sane(&seen, when)?;
            let told = || subject.says(format!("{when}: no error"));
            ensure(seen.error.is_some(), told, "pass errors of cx.http on with `?`")?;
        }
    }
    Ok(())
}

/// An answer that breaks off never looks finished.
pub fn cut_answer_is_not_whole(kit: &Kit) -> Verdict {
    for subject in kit.asking() {
        let half = subject.answer.slice(0..subject.answer.len() / 2).unwrap_or_default();
        let reply = Reply::chunks(200, "application/json", [half]);
        for (reply, when) in
            [(reply.clone().cut(), "connection cut"), (reply.silent(), "upstream falls silent")]
        {
            let seen = subject.turn(reply);
            subject.sane(&seen, when)?;
            let told = || subject.says(format!("{when}: it looks finished"));
            ensure(!seen.whole, told, "pass errors of chunk() on with `?`")?;
        }
    }
    Ok(())
}

/// 200 and nothing else.
pub fn empty_answer_is_survived(kit: &Kit) -> Verdict {
    for subject in kit.asking() {
        let nothing = || Reply::chunks(200, "application/json", Vec::<Buf>::new());
        subject.sane(&subject.turn(nothing()), "an empty answer")?;
        let seen = subject.stage().stream().always(nothing()).turn(subject.request).run();
        subject.sane(&seen, "an empty stream")?;
    }
    Ok(())
}

/// Those that send requests, whoever answers them.
fn sending(kit: &Kit) -> Vec<Subject> {
    let mut all = kit.subjects();
    all.retain(|subject| !subject.turn(subject.good()).requests.is_empty());
    all
}

/// Garbage from the upstream costs one turn at most.
pub fn upstream_garbage_is_survived(kit: &Kit) -> Verdict {
    for subject in sending(kit) {
        for body in garbage() {
            let from_upstream = subject.turn(Reply::chunks(200, "application/json", [body.clone()]));
            subject.sane(&from_upstream, "garbage from the upstream")?;
            let streamed =
                Reply::chunks(200, "text/event-stream", [Buf::from("data: "), body, "\n\ndata: {\n".into()]);
            let streamed = subject.stage().stream().always(streamed).turn(subject.request).run();
            subject.sane(&streamed, "garbage in the upstream's stream")?;
        }
    }
    Ok(())
}

/// Many headers, and long ones.
pub fn huge_headers_are_survived(kit: &Kit) -> Verdict {
    for subject in sending(kit) {
        for reply in [subject.good(), refusal(429)] {
            let mut reply =
                reply.header("retry-after", &"9".repeat(64 << 10)).header("x-request-id", "\u{fffd}");
            for n in 0..2_000 {
                reply = reply.header(&format!("x-header-{n}"), "value");
            }
            subject.sane(&subject.turn(reply), "huge response headers")?;
        }
    }
    Ok(())
}

/// A large answer in many chunks.
pub fn huge_answer_is_survived(kit: &Kit) -> Verdict {
    for subject in sending(kit) {
        let spaces = Buf::from(vec![b' '; 32 << 10]);
        let chunks = std::iter::repeat_n(spaces, 64).chain([subject.answer.clone()]);
        subject.sane(&subject.turn(Reply::chunks(200, "application/json", chunks)), "a huge answer")?;
        let line = Buf::from(format!("data: {}\n\n", "x".repeat(2 << 20)));
        let reply = Reply::chunks(200, "text/event-stream", [line]);
        let seen = subject.stage().stream().always(reply).turn(subject.request).run();
        subject.sane(&seen, "a huge event")?;
    }
    Ok(())
}
