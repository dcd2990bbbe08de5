//! Providers that speak a known dialect. Each is a profile, `profiles/<id>.toml`; none has code of its own.
use backend::Backend;
use lip_plugin::{Connector, Create, Ctx, Error, Model, Result, Turn, Value, export_connector, serde_json};

mod backend;
mod custom;
mod list;
#[allow(dead_code, reason = "some fields are for the build script alone")]
mod profile;
mod quirks;

/// The providers of the embedded profiles.
struct Compat(Backend);

impl Connector for Compat {
    const MANIFEST: &'static str = include_str!(concat!(env!("OUT_DIR"), "/manifest.json"));

    fn create(with: Create<'_>) -> Result<Self> {
        let all: Value = serde_json::from_str(include_str!(concat!(env!("OUT_DIR"), "/profiles.json")))?;
        let profile = all.get(with.connector).cloned();
        let profile =
            profile.ok_or_else(|| Error::new("not_found", format!("no profile \"{}\"", with.connector)))?;
        Ok(Self(Backend::new(serde_json::from_value(profile)?, &with)?))
    }

    async fn turn(&self, cx: Ctx, turn: Turn) -> Result<()> {
        self.0.turn(cx, turn).await
    }

    async fn models(&self, cx: Ctx) -> Result<Vec<Model>> {
        self.0.models(cx).await
    }
}

/// A backend that the user's config defines.
struct Custom(Backend);

impl Connector for Custom {
    // A family: there is none until a config defines one. `protocol` narrows the dialects of an instance to one.
    const MANIFEST: &'static str = include_str!(concat!(env!("OUT_DIR"), "/custom.json"));

    fn create(with: Create<'_>) -> Result<Self> {
        Ok(Self(Backend::new(custom::profile(&with)?, &with)?))
    }

    async fn turn(&self, cx: Ctx, turn: Turn) -> Result<()> {
        self.0.turn(cx, turn).await
    }

    async fn models(&self, cx: Ctx) -> Result<Vec<Model>> {
        self.0.models(cx).await
    }
}

export_connector!(Compat, Custom);

#[cfg(test)]
mod schema_tests;
#[cfg(test)]
mod tests;
