//! Checks of where secrets must not be.
use super::subject::{Kit, Subject, Verdict, ensure};
use crate::stage::SECRET;
use crate::{Outcome, Reply};

/// Those that ask with a secret.
fn with_secret(kit: &Kit) -> Vec<Subject> {
    let mut all = kit.asking();
    all.retain(|subject| {
        let requests = subject.turn(subject.good()).requests;
        requests.iter().any(|request| !request.secret_headers.is_empty())
            || requests.iter().any(|request| request.headers.iter().any(|(_, value)| value.contains(SECRET)))
    });
    all
}

pub(super) fn needs_none(kit: &Kit) -> Option<&'static str> {
    with_secret(kit).is_empty().then_some("it asks its upstream without a secret")
}

/// Without its secret a connector says so instead of asking the upstream without it.
pub fn missing_secret_is_an_error(kit: &Kit) -> Verdict {
    for subject in with_secret(kit) {
        let seen = subject.stage().no_secrets().always(subject.good()).turn(subject.request).run();
        subject.sane(&seen, "no secret")?;
        let told = || subject.says("it asks the upstream without its secret");
        let refused = seen.requests.is_empty() && seen.error.is_some();
        ensure(refused, told, "use HttpRequest::bearer or secret_header")?;
    }
    Ok(())
}

/// No secret in an answer, an error or a note.
pub fn secrets_stay_out_of_answers(kit: &Kit) -> Verdict {
    hidden(kit, |seen| {
        vec![
            ("answer", seen.text()),
            ("error", format!("{:?}", seen.error)),
            ("trace", seen.notes.join("\n")),
        ]
    })
}

/// No secret in a log line.
pub fn secrets_stay_out_of_logs(kit: &Kit) -> Verdict {
    hidden(kit, |seen| vec![("log", format!("{:?}", seen.log))])
}

/// No secret in a URL, a plain header, a body.
pub fn secrets_stay_in_their_headers(kit: &Kit) -> Verdict {
    hidden(kit, |seen| {
        let mut places = Vec::new();
        for request in &seen.requests {
            places.push(("URL", request.url.clone()));
            places.push(("request body", String::from_utf8_lossy(&request.body).into_owned()));
            let plain = request.headers.iter().filter(|(name, _)| !request.secret_headers.contains(name));
            places.push(("plain headers", plain.map(|(name, value)| format!("{name}: {value}\n")).collect()));
        }
        places
    })
}

type Places = Vec<(&'static str, String)>;

fn hidden(kit: &Kit, places: impl Fn(&Outcome) -> Places) -> Verdict {
    for subject in kit.subjects() {
        let replies = [subject.good(), Reply::text(401, "no"), Reply::text(200, "{"), Reply::refused()];
        for reply in replies {
            for task in ["turn", "models", "count_tokens"] {
                let seen = subject.stage().always(reply.clone()).turn(subject.request).task(task).run();
                for (place, text) in places(&seen) {
                    let told = || subject.says(format!("{task}: a secret appears in: {place}"));
                    let hint = "let the host fill it in: HttpRequest::bearer or secret_header";
                    ensure(!text.contains(SECRET), told, hint)?;
                }
            }
        }
    }
    Ok(())
}
