//! Models that are known by name: Code Assist has no list of them for this client.
use lip_plugin::{Error, Model, Result};
use std::borrow::Cow;

/// Models of Gemini CLI. Source: google-gemini/gemini-cli, `packages/core/src/config/models.ts`, of August 2026.
pub const GEMINI: [&str; 9] = [
    "gemini-3.1-pro-preview",
    "gemini-3.1-pro-preview-customtools",
    "gemini-3-pro-preview",
    "gemini-3-flash-preview",
    "gemini-3.5-flash",
    "gemini-3.1-flash-lite",
    "gemini-2.5-pro",
    "gemini-2.5-flash",
    "gemini-2.5-flash-lite",
];

/// Tokens of context and of output of every Gemini model that is listed.
const LIMITS: (u64, u64) = (1_048_576, 65_536);

/// [`GEMINI`], for a connector's list.
pub fn gemini() -> Vec<Model> {
    let model = |id: &&str| Model {
        context_tokens: Some(LIMITS.0),
        output_tokens: Some(LIMITS.1),
        owned_by: Some("google".to_owned()),
        ..Model::named(*id)
    };
    GEMINI.iter().map(model).collect()
}

/// The model's name in the envelope.
///
/// # Errors
/// `bad_request` when there is none.
pub fn wire_name(model: &str) -> Result<Cow<'_, str>> {
    let bare = ["models/", "google/"].iter().find_map(|prefix| model.strip_prefix(prefix)).unwrap_or(model);
    match bare {
        "" => Err(Error::bad_request("the request names no model").param("model")),
        "gemini-3-pro" => Ok("gemini-3-pro-preview".into()),
        // Code Assist has another name for it than the Gemini API.
        "gemini-3.5-flash" => Ok("gemini-3-flash".into()),
        other => Ok(other.into()),
    }
}
