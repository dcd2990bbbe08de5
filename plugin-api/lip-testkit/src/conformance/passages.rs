//! A turn that the host carries out alone goes out as the connector would have sent it.
use super::subject::{Kit, Subject, Verdict, ensure};
use crate::{Seen, manifest};
use lip_plugin::Value;
use std::collections::BTreeSet;

fn passages(subject: &Subject) -> Vec<Value> {
    let told = subject.stage().task("passages").run();
    told.json().as_array().cloned().unwrap_or_default()
}

pub(super) fn has_none(kit: &Kit) -> Option<&'static str> {
    kit.subjects().iter().all(|subject| passages(subject).is_empty()).then_some("it has no passages")
}

/// A passage keeps to what the manifest says.
pub fn passages_are_well_formed(kit: &Kit) -> Verdict {
    for subject in kit.subjects() {
        let told = subject.stage().task("passages").run();
        subject.sane(&told, "passages")?;
        let dialects = manifest::strings(&subject.manifest, "dialects");
        let egress: Vec<String> = subject.allowed().collect();
        let secrets = manifest::secrets(&subject.manifest);
        for passage in passages(&subject) {
            let text = |key: &str| passage.get(key).and_then(Value::as_str).unwrap_or_default();
            let (dialect, url) = (text("dialect"), text("url"));
            let said = |what: String| subject.says(format!("a passage {what}"));
            let is_listed = dialects.iter().any(|own| own == dialect);
            ensure(is_listed, || said(format!("is of {dialect:?}")), "name a dialect of the manifest")?;
            let authority = manifest::authority(url);
            let is_allowed = egress.iter().any(|host| authority.is_some_and(|a| manifest::covers(host, a)));
            ensure(is_allowed, || said(format!("goes to {url:?}")), "declare its host in egress")?;
            let named = passage.get("secret_headers").and_then(Value::as_array).cloned().unwrap_or_default();
            let mut names =
                named.iter().map(|header| header.get(2).and_then(Value::as_str).unwrap_or_default());
            let unknown = names.find(|name| !secrets.iter().any(|own| own == name));
            ensure(unknown.is_none(), || said(format!("names the secret {unknown:?}")), "declare it in env")?;
        }
    }
    Ok(())
}

/// What [`lip_plugin::Connector::passages`] says of a dialect is what `turn` does.
pub fn passages_do_what_turns_do(kit: &Kit) -> Verdict {
    for subject in kit.subjects() {
        for passage in passages(&subject) {
            if passage.get("dialect").and_then(Value::as_str) == Some(subject.dialect) {
                agrees(&subject, &passage)?;
            }
        }
    }
    Ok(())
}

fn agrees(subject: &Subject, passage: &Value) -> Verdict {
    for client in [&[][..], &[("x-lip-testkit", "1"), ("anthropic-version", "2099-01-01")]] {
        let stage = subject.stage().client_headers(client).reply(subject.good());
        let seen = stage.turn(subject.request).run();
        let asked = seen.requests.first();
        let own = asked.map(|seen| sent(seen, client));
        let promised = described(passage, client);
        let what =
            || subject.says(format!("the passage says {promised:?}, the turn does {own:?}, for {client:?}"));
        let is_passed_on =
            asked.is_some_and(|seen| *seen.body == *subject.request.as_bytes()) && seen.spliced;
        let agree = own.as_ref() == Some(&promised) && is_passed_on;
        ensure(agree, what, "leave `turn` out: it does what the passages say; or leave the passage out")?;
    }
    Ok(())
}

/// Method, URL, headers; a secret is its name's.
type Request = (String, String, BTreeSet<(String, String)>);

fn sent(seen: &Seen, client: &[(&str, &str)]) -> Request {
    let is_secret = |name: &String| seen.secret_headers.contains(name);
    let known = |name: &str| client.iter().find(|(own, _)| *own == name).map(|(_, value)| *value);
    let header = |(name, value): &(String, String)| {
        let value = if is_secret(name) { "secret" } else { known(name).unwrap_or(value) };
        (name.clone(), value.to_owned())
    };
    (seen.method.clone(), seen.url.clone(), seen.headers.iter().map(header).collect())
}

fn described(passage: &Value, client: &[(&str, &str)]) -> Request {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let list = |key: &str| passage.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let mut headers = BTreeSet::from([("content-type".to_owned(), "application/json".to_owned())]);
    headers.extend(list("headers").iter().map(|pair| (text(pair.get(0)), text(pair.get(1)))));
    headers.extend(list("secret_headers").iter().map(|header| (text(header.get(0)), "secret".to_owned())));
    let brought = client.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let defaults = list("default_headers");
    let more = brought.chain(defaults.iter().map(|pair| (text(pair.get(0)), text(pair.get(1)))));
    for (name, value) in more {
        if headers.iter().all(|(own, _)| *own != name) {
            headers.insert((name, value));
        }
    }
    (text(passage.get("method")), text(passage.get("url")), headers)
}
