//! Checks of turns that go well.
use super::subject::{Kit, Subject, Verdict, ensure};
use crate::{Outcome, Reply};
use lip_abi::Buf;
use lip_plugin::Value;

/// A good answer reaches the client, not streamed.
pub fn answer_reaches_the_client(kit: &Kit) -> Verdict {
    some(kit, |subject| {
        let seen = subject.fair().run();
        arrives(subject, &seen, "not streamed")?;
        let framed = seen.spliced || seen.json() != Value::Null;
        ensure(framed, || subject.says("the answer is not framed"), "the whole answer is one JSON object")
    })
}

/// A good answer reaches the client, streamed.
pub fn stream_reaches_the_client(kit: &Kit) -> Verdict {
    some(kit, |subject| {
        let seen = subject.fair_stream(3).run();
        arrives(subject, &seen, "streamed")?;
        // One that it wrote itself must be one that a client of the dialect can read.
        let frames = seen.sse();
        let framed = seen.spliced
            || subject.dialect != "openai-chat"
            || frames.last().is_some_and(|last| last == "[DONE]");
        ensure(framed, || subject.says("the stream is not framed"), "server-sent events that end in [DONE]")
    })
}

fn some(kit: &Kit, check: impl Fn(&Subject) -> Verdict) -> Verdict {
    let subjects = kit.subjects();
    let none = || "no dialect of the manifest has samples in the testkit: nothing can be checked".to_owned();
    ensure(!subjects.is_empty(), none, "check the spelling of `dialects`")?;
    subjects.iter().try_for_each(check)
}

fn arrives(subject: &Subject, seen: &Outcome, when: &str) -> Verdict {
    subject.sane(seen, when)?;
    let told =
        || subject.says(format!("a good answer comes out as {} {:?}, {when}", seen.status, seen.error));
    let good = seen.status == 200 && seen.whole && !seen.body.is_empty();
    ensure(good, told, "splice the upstream's answer; check path, egress and the sample")
}

/// Where the network cuts bytes is of no account.
pub fn chunks_may_be_cut_anywhere(kit: &Kit) -> Verdict {
    for subject in kit.asking() {
        for (reply, stream) in [(subject.good(), false), (subject.stream(3), true)] {
            let run = |reply: Reply| {
                let stage = subject.stage().always(reply).turn(subject.request);
                if stream { stage.stream().run() } else { stage.run() }
            };
            let whole = run(reply.clone());
            for bytes in [1, 7] {
                let seen = run(recut(&reply, bytes));
                let when = format!("the answer comes {bytes} bytes at a time");
                subject.sane(&seen, &when)?;
                let same =
                    (seen.status, &seen.body, seen.code()) == (whole.status, &whole.body, whole.code());
                let told = || {
                    let (is, was) = (shown(&seen), shown(&whole));
                    subject.says(format!("{when}: the client gets {is}, and {was} when it comes at once"))
                };
                ensure(same, told, "read lines or events, not chunks: response.events()")?;
            }
        }
    }
    Ok(())
}

fn shown(seen: &Outcome) -> String {
    let text: String = seen.text().chars().take(120).collect();
    format!("{} {:?} {text:?}", seen.status, seen.error)
}

fn recut(reply: &Reply, bytes: usize) -> Reply {
    let all: Vec<u8> = reply.chunks.iter().flat_map(|chunk| chunk.iter().copied()).collect();
    let mut cut = reply.clone();
    cut.chunks = all.chunks(bytes).map(|piece| Buf::from(piece.to_vec())).collect();
    cut
}

/// A field that nobody knows, in a request.
const FIELD: &str = "x_lip_testkit";

/// Fields that the connector does not know go upstream.
pub fn unknown_fields_survive(kit: &Kit) -> Verdict {
    for subject in handing_on(kit) {
        let body = format!(r#"{{"{FIELD}":{{"a":[1,null,"ü"]}},{}"#, subject.request.trim_start_matches('{'));
        let seen = subject.fair().turn(body.clone()).run();
        subject.sane(&seen, "an unknown field in the request")?;
        let client: Value = serde_json::from_str(&body).unwrap_or_default();
        let kept = seen.requests.iter().any(|request| request.json().get(FIELD) == client.get(FIELD));
        let told = || subject.says(format!("the field {FIELD} does not go upstream"));
        ensure(kept, told, "hand on turn.body, or edit it with Object")?;
    }
    Ok(())
}

/// Those that send what the client sends: every field of it stands in a request.
fn handing_on(kit: &Kit) -> Vec<Subject> {
    let mut all = kit.asking();
    all.retain(|subject| subject.manifest.get("drops_fields") != Some(&Value::Bool(true)));
    all.retain(|subject| {
        let client: Value = serde_json::from_str(subject.request).unwrap_or_default();
        let holds =
            |sent: &Value, (name, value): (&String, &Value)| name == "model" || sent.get(name) == Some(value);
        let fields = client.as_object().into_iter().flatten().collect::<Vec<_>>();
        let requests = subject.turn(subject.good()).requests;
        requests.iter().any(|request| {
            let sent = request.json();
            fields.iter().all(|field| holds(&sent, *field))
        })
    });
    all
}

/// For connectors whose requests are their own.
pub(super) fn writes_its_own(kit: &Kit) -> Option<&'static str> {
    handing_on(kit)
        .is_empty()
        .then_some("it asks no upstream, writes requests of its own, or says drops_fields")
}

/// Every task keeps to the hosts that are declared.
pub fn only_declared_hosts_are_asked(kit: &Kit) -> Verdict {
    for subject in kit.subjects() {
        let tasks = ["turn", "models", "count_tokens"];
        for task in tasks {
            let seen = subject.fair().task(task).run();
            let told = || subject.says(format!("{task}: {}", seen.denied.join("; ")));
            ensure(seen.denied.is_empty(), told, "declare the host in egress, or take it from the base URL")?;
        }
    }
    Ok(())
}

/// What no client should send.
pub(super) fn garbage() -> Vec<Buf> {
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

/// Garbage from the client costs one turn at most.
pub fn client_garbage_is_survived(kit: &Kit) -> Verdict {
    for subject in kit.subjects() {
        for body in garbage() {
            subject.sane(&subject.fair().turn(body.clone()).run(), "garbage from the client")?;
            let streamed = subject.fair_stream(1).turn(body).run();
            subject.sane(&streamed, "garbage from a client that wants a stream")?;
        }
    }
    Ok(())
}

/// Pieces that one step may give the host: what `lip-plugin` lets through, and some notes.
const EVENTS_MAX: usize = 128;
/// As much as a host hands over at once.
const READ_BYTES: usize = 8 << 10;
/// Far more than one step may give.
const PIECES: usize = 1_000;

/// A long stream does not come in one step.
pub fn long_streams_come_in_pieces(kit: &Kit) -> Verdict {
    for subject in kit.subjects() {
        let long = "word ".repeat(PIECES);
        let body = subject.request.replace("hello", long.trim_end());
        // Many of them in one read, so that what comes of it is the connector's own doing.
        let dense = recut(&subject.stream(PIECES), READ_BYTES);
        for reply in [subject.stream(PIECES), dense] {
            let seen = subject.stage().stream().always(reply).turn(body.clone()).run();
            subject.sane(&seen, "a long stream")?;
            let most = seen.events_per_step_max;
            let told = || subject.says(format!("one step gives {most} pieces, more than {EVENTS_MAX}"));
            ensure(most <= EVENTS_MAX, told, "await Ctx::send; note what matters only")?;
        }
    }
    Ok(())
}
