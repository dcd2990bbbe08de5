//! A backend that a user defines: a profile in the config, or a protocol and a base URL. Knows no provider.
use crate::profile::{PATHS, Profile, Quirks, is_header};
use lip_plugin::{Create, Error, Result, Value};
use serde_json::json;

/// Short names of dialects, as users write them.
const SHORT: [(&str, &str); 3] =
    [("openai", "openai-chat"), ("responses", "openai-responses"), ("anthropic", "anthropic-messages")];

/// The profile that the config of `with` describes.
///
/// # Errors
/// `bad_config` with the key to blame.
pub(crate) fn profile(with: &Create<'_>) -> Result<Profile> {
    let profile = match with.config.get("profile") {
        None | Some(Value::Null) => described(with)?,
        Some(profile) => {
            serde_json::from_value(profile.clone()).map_err(|e| Error::bad_config("profile", e))?
        }
    };
    match profile.check() {
        Ok(()) => Ok(profile),
        Err(wrong) => Err(Error::new("bad_config", wrong)),
    }
}

fn described(with: &Create<'_>) -> Result<Profile> {
    let asked = with.string("protocol")?.unwrap_or_else(|| "openai-chat".to_owned());
    let full = SHORT.iter().find(|(short, _)| *short == asked).map_or(asked.as_str(), |(_, full)| full);
    if !PATHS.iter().any(|(dialect, _)| *dialect == full) {
        return Err(Error::bad_config(
            "protocol",
            "write openai-chat, openai-responses, anthropic-messages or gemini",
        ));
    }
    if with.string("base_url")?.is_none() {
        return Err(Error::bad_config(
            "base_url",
            "write the URL that the paths of the protocol are appended to",
        ));
    }
    let usual = match full {
        "anthropic-messages" => "x-api-key",
        "gemini" => "x-goog-api-key",
        _ => "bearer",
    };
    let (key, auth) = match with.string("auth_header")? {
        Some(header) => ("auth_header", header.to_ascii_lowercase()),
        None => ("auth", with.string("auth")?.unwrap_or_else(|| usual.to_owned())),
    };
    if !is_header(&auth) {
        return Err(Error::bad_config(key, "bearer, none or the name of a header"));
    }
    let list = if full == "gemini" { "/v1beta/models?pageSize=1000" } else { "/models" };
    let quirks = with.config.get("quirks").filter(|quirks| !quirks.is_null());
    if let Some(quirks) = quirks {
        // Read once more as a part of the profile; here, so that the key can be named.
        let _: Quirks = serde_json::from_value(quirks.clone()).map_err(|e| Error::bad_config("quirks", e))?;
    }
    let profile = json!({
        "id": with.instance, "title": with.instance, "base_url": with.base_url("")?,
        "models": {"live": with.string("models_path")?.unwrap_or_else(|| list.to_owned())},
        "strip_prefixes": with.strings("strip_prefixes")?,
        "routes": [{
            "dialect": full, "auth": auth, "path": with.string("path")?, "quirks": quirks.cloned().unwrap_or_else(|| json!({}))
        }],
    });
    serde_json::from_value(profile).map_err(|e| Error::new("bad_config", e))
}
