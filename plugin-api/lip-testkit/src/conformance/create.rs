//! Checks of how an instance is made from its config.
use super::subject::{Kit, Subject, Verdict, Wrong, ensure};
use crate::{Failed, Stage, manifest};
use lip_plugin::{Value, json};

/// An instance can be made without any config, for the environment may hold all that it needs; or it names a key that the schema
/// requires.
pub fn empty_config_creates(kit: &Kit) -> Verdict {
    for subject in kit.subjects() {
        if let Some(error) = subject.unconfigured().create() {
            let required =
                manifest::strings(subject.manifest.get("config").unwrap_or(&Value::Null), "required");
            if error.code == "bad_config" && required.iter().any(|key| error.message.contains(key.as_str())) {
                continue;
            }
            let what = subject.says(format!("create fails without config: {}", error.message));
            return Err(Wrong {
                what,
                hint: "give every key a default; keys and secrets come from the host",
            });
        }
    }
    Ok(())
}

/// Whatever stands in the config, `create` answers with an instance or with a sentence.
pub fn odd_config_is_no_panic(kit: &Kit) -> Verdict {
    odd_configs(kit, |subject, config, error| {
        let told =
            || subject.says(format!("create with {config} gives {}: \"{}\"", error.code, error.message));
        let sentence = error.code != "panic" && !error.code.is_empty() && !error.message.is_empty();
        ensure(sentence, told, "return Error::new(\"bad_config\", …) with the key and the remedy")
    })
}

/// A refused config is told by the key that is to blame.
pub fn bad_config_names_its_key(kit: &Kit) -> Verdict {
    odd_configs(kit, |subject, config, error| {
        let key = config.as_object().filter(|one| one.len() == 1).and_then(|one| one.keys().next());
        let Some(key) = key.filter(|_| error.code != "panic") else {
            return Ok(());
        };
        let told =
            || subject.says(format!("create with {config} gives {}: \"{}\"", error.code, error.message));
        let names = error.code == "bad_config" && error.message.contains(key.as_str());
        ensure(names, told, "return Error::bad_config(key, remedy)")
    })
}

fn odd_configs(kit: &Kit, judge: impl Fn(&Subject, &Value, &Failed) -> Verdict) -> Verdict {
    let deep = (0..100).fold(json!(1), |inner, _| json!([inner]));
    let odd = [
        json!(7),
        json!(-1.5),
        json!(""),
        json!("\u{0}\r\n"),
        json!(null),
        json!([]),
        json!({}),
        json!([1]),
        deep,
    ];
    let shared =
        ["base_url", "api_url", "api_key", "headers", "models", "timeout", "organization", "project"];
    for subject in kit.subjects() {
        let declared = subject.manifest.pointer("/config/properties").and_then(Value::as_object);
        let keys = shared
            .into_iter()
            .map(str::to_owned)
            .chain(declared.into_iter().flatten().map(|(k, _)| k.clone()));
        let in_key = keys.flat_map(|key| odd.iter().map(move |value| json!({ key.clone(): value })));
        for config in in_key.chain(odd.iter().cloned()) {
            if let Some(error) = subject.configured(&config).create() {
                judge(&subject, &config, &error)?;
            }
        }
    }
    Ok(())
}

/// Bytes that are no JSON object cost no more than the instance.
pub fn config_that_is_no_json_is_survived(kit: &Kit) -> Verdict {
    for subject in kit.subjects() {
        for config in [&b"{"[..], b"{\"a\":", b"\xff\xfe", b"nonsense"] {
            if let Some(error) = subject.stage().raw_config(config.to_vec()).create() {
                refused_well(&subject, &error, &format!("the config {:?}", String::from_utf8_lossy(config)))?;
            }
        }
    }
    Ok(())
}

/// An id that the manifest does not list makes no instance.
pub fn unknown_connector_is_refused(kit: &Kit) -> Verdict {
    for subject in kit.subjects() {
        let error = subject.stage().asking_for("a-connector-of-nobody").create();
        let what = || subject.says("create makes a connector that the manifest does not list");
        let hint = "compare the id with those of the manifest";
        let error = error.ok_or_else(|| Wrong { what: what(), hint })?;
        refused_well(&subject, &error, "an unknown connector")?;
    }
    Ok(())
}

fn refused_well(subject: &Subject, error: &Failed, when: &str) -> Verdict {
    let told = || subject.says(format!("{when} gives {}: \"{}\"", error.code, error.message));
    let sentence = error.code != "panic" && !error.code.is_empty() && !error.message.is_empty();
    ensure(sentence, told, "return an error with a code and a sentence")
}

/// Instances know nothing of each other.
pub fn instances_are_apart(kit: &Kit) -> Verdict {
    let hint = "keep what belongs to an instance in the instance: no static";
    for subject in kit.subjects() {
        let alone = subject.fair().run();
        let named = |name: &str| subject.stage().instance(name);
        let made =
            |stage: &Stage| stage.made().map_err(|error| subject.says(format!("create: {}", error.message)));
        let wrong = |what: String| Wrong { what, hint };
        let first = made(&named("one")).map_err(wrong)?;
        let second = made(&named("two.work")).map_err(wrong)?;
        drop(first);
        let seen = subject.fair().instance("two.work").on(&second);
        subject.sane(&seen, "a second instance, the first one gone")?;
        let same = (seen.status, &seen.body, seen.code()) == (alone.status, &alone.body, alone.code());
        let told = || subject.says(format!("a second instance answers {} {:?}", seen.status, seen.error));
        ensure(same, told, hint)?;
    }
    Ok(())
}

/// A configured `base_url` is where requests go.
pub fn configured_base_url_is_used(kit: &Kit) -> Verdict {
    let base = "http://127.0.0.1:9/base";
    for subject in kit.asking().iter().filter(|subject| !subject.is_agent()) {
        let stage = subject.configured(&json!({ "base_url": base }));
        let seen = stage.always(subject.good()).turn(subject.request).run();
        let urls: Vec<&str> = seen.requests.iter().map(|request| request.url.as_str()).collect();
        let all = !urls.is_empty() && urls.iter().all(|url| url.starts_with(base));
        let told = || subject.says(format!("with base_url {base} it calls {urls:?}"));
        ensure(all, told, "take the base from Create::base_url and append paths to it")?;
    }
    Ok(())
}
