//! A host for connector tests: scripted effects, a virtual clock, the conformance checks. Opens no socket, waits for nothing.
//!
//! A connector is driven in the test's own process through the same step function that a real host uses:
//!
//! ```
//! use lip_plugin::{Connector, Create, Ctx, HttpRequest, Result, Turn};
//! use lip_testkit::{Reply, Stage};
//!
//! struct Acme;
//! impl Connector for Acme {
//!     const MANIFEST: &'static str = r#"{"id": "acme", "title": "Acme", "dialects": ["openai-chat"], "auth": "api-key",
//!         "env": {"api_key": "ACME_API_KEY"}, "egress": ["api.acme.example"]}"#;
//!     fn create(_: Create<'_>) -> Result<Self> {
//!         Ok(Self)
//!     }
//!     async fn turn(&self, cx: Ctx, turn: Turn) -> Result<()> {
//!         cx.http(HttpRequest::post("https://api.acme.example/chat").bearer("api_key").json(turn.body)).await?.splice();
//!         Ok(())
//!     }
//! }
//!
//! let seen = Stage::of::<Acme>().secret("api_key", "k").reply(Reply::text(200, "hello")).turn("{}").run();
//! assert_eq!(seen.text(), "hello");
//! assert_eq!(seen.requests[0].header("authorization"), Some("Bearer k"));
//! ```
//!
//! [`conformance!`] adds the checks that every connector has to pass, one test each.

mod accounts;
pub mod cassette;
pub mod conformance;
mod drive;
mod effects;
mod host;
mod manifest;
mod outcome;
mod reply;
mod stage;
mod trouble;

/// The code of the guide compiles.
#[cfg(doctest)]
mod guide {
    #![doc = include_str!("../../../docs/plugin-author/README.md")]
    #![doc = include_str!("../../../docs/plugin-author/manifest.md")]
    #![doc = include_str!("../../../docs/plugin-author/errors.md")]
    #![doc = include_str!("../../../docs/plugin-author/streams.md")]
}

pub use effects::Seen;
pub use host::Line;
pub use outcome::{Failed, Outcome};
pub use reply::Reply;
pub use stage::Stage;
