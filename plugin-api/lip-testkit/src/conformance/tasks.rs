//! Checks of tasks beside turns.
use super::subject::{Kit, Subject, Verdict, ensure};
use crate::{Outcome, Reply, manifest};
use lip_plugin::Value;

fn models(subject: &Subject, reply: Reply) -> Outcome {
    subject.stage().always(reply).models().run()
}

/// The model list can be read, or is not offered.
pub fn models_are_listed(kit: &Kit) -> Verdict {
    for subject in kit.subjects() {
        let good = models(&subject, subject.list());
        subject.sane(&good, "models")?;
        let named = good.models().iter().all(|model| !model.id.is_empty())
            && (subject.is_virtual() || !good.models().is_empty());
        let told = || subject.says(format!("models gives {:?} {:?}", good.models(), good.error));
        ensure(named || good.code() == "unsupported", told, "read the ids, or leave models() out")?;
    }
    Ok(())
}

fn listing(kit: &Kit) -> Vec<Subject> {
    let mut all = kit.subjects();
    all.retain(|subject| !models(subject, subject.list()).requests.is_empty());
    all
}

pub(super) fn lists_no_models(kit: &Kit) -> Option<&'static str> {
    listing(kit).is_empty().then_some("it asks nobody for a list of models")
}

/// A broken list is an error.
pub fn broken_model_lists_are_errors(kit: &Kit) -> Verdict {
    for subject in listing(kit) {
        let broken = [
            Reply::chunks(401, "application/json", [r#"{"error":{"message":"no"}}"#]),
            Reply::text(200, "<html>"),
            Reply::json(200, &Value::Null),
            Reply::refused(),
        ];
        for reply in broken {
            let seen = models(&subject, reply.clone());
            subject.sane(&seen, "models, broken")?;
            let told = || subject.says(format!("models accepts {reply:?}"));
            let hint = "a list that cannot be read is an error: the host keeps the old one";
            ensure(seen.error.is_some(), told, hint)?;
        }
    }
    Ok(())
}

/// Tokens are counted, or it is said that they are not.
pub fn tokens_are_counted_or_not(kit: &Kit) -> Verdict {
    for subject in kit.subjects() {
        let count = |reply| subject.stage().always(reply).turn(subject.request).task("count_tokens").run();
        let count_of_all = r#"{"input_tokens":3,"totalTokens":3,"object":"response.input_tokens"}"#;
        let good = count(Reply::chunks(200, "application/json", [count_of_all]));
        subject.sane(&good, "count_tokens")?;
        let answers = good.status == 200 && !good.body.is_empty();
        let told = || subject.says(format!("count_tokens gives {} {:?}", good.status, good.error));
        ensure(answers || good.error.is_some(), told, "answer, or return Error::unsupported")?;
        for (reply, when) in [(Reply::refused(), "refused"), (Reply::text(200, "<html>"), "garbage")] {
            subject.sane(&count(reply), &format!("count_tokens, {when}"))?;
        }
    }
    Ok(())
}

/// A task that a newer host may ask for is refused with a sentence.
pub fn unknown_task_is_unsupported(kit: &Kit) -> Verdict {
    for subject in kit.subjects() {
        let seen = subject.stage().task("task-of-a-newer-host").run();
        subject.sane(&seen, "unknown task")?;
        let told = || subject.says(format!("an unknown task succeeds, or fails as {:?}", seen.code()));
        ensure(seen.code() == "unsupported", told, "return Error::unsupported")?;
    }
    Ok(())
}

/// An envelope that is no JSON costs its own task.
pub fn odd_envelopes_are_survived(kit: &Kit) -> Verdict {
    let odd = ["", "{", "[]", "7", "null", r#"{"model":7,"stream":"yes","dialect":[],"headers":{}}"#, "{}"];
    for subject in kit.subjects() {
        for task in ["turn", "models", "count_tokens", "refresh", "login", "account_read"] {
            for envelope in odd {
                let seen = subject.fair().task(task).raw_envelope(envelope).run();
                subject.sane(&seen, &format!("{task} with the envelope {envelope:?}"))?;
            }
        }
    }
    Ok(())
}

pub(super) fn has_no_accounts(kit: &Kit) -> Option<&'static str> {
    (!kit.manifests().iter().any(manifest::is_personal)).then_some("it has no personal accounts")
}

/// Personal accounts are described.
pub fn accounts_are_described(kit: &Kit) -> Verdict {
    for subject in kit.subjects().iter().filter(|subject| manifest::is_personal(&subject.manifest)) {
        let seen = subject.stage().task("accounts").run();
        subject.sane(&seen, "accounts")?;
        let told = || subject.says(format!("accounts gives {:?}", seen.text()));
        let json = seen.json();
        let says = |key: &str| {
            json.get(key).is_some_and(|value| {
                !matches!(value, Value::Null) && value != "" && value != &Value::Array(Vec::new())
            })
        };
        let ways = ["files", "imports", "logins", "login_hint", "ended"];
        ensure(ways.into_iter().any(says), told, "write Connector::accounts: files, logins or a hint")?;
    }
    Ok(())
}
