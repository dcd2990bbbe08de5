//! Write a connector for LIP, the LLM Interactive Proxy.
//!
//! A connector is one shared library. It opens no socket and runs no runtime: its `async` functions ask the host for
//! *effects* and say what the client gets. This is a complete one for an OpenAI-compatible provider:
//!
//! ```no_run
//! use lip_plugin::{Connector, Create, Ctx, HttpRequest, Model, Passage, Result, export_connector};
//!
//! struct Acme {
//!     base: String,
//! }
//!
//! impl Connector for Acme {
//!     const MANIFEST: &'static str = r#"{
//!         "id": "acme", "title": "Acme AI", "dialects": ["openai-chat"], "auth": "api-key",
//!         "env": {"api_key": "ACME_API_KEY"}, "egress": ["api.acme.example"]
//!     }"#;
//!
//!     fn create(with: Create<'_>) -> Result<Self> {
//!         Ok(Self { base: with.base_url("https://api.acme.example/v1")? })
//!     }
//!
//!     fn passages(&self) -> Vec<Passage> {
//!         let request = HttpRequest::post(format!("{}/chat/completions", self.base)).bearer("api_key");
//!         vec![Passage::new("openai-chat", request)]
//!     }
//!
//!     async fn models(&self, cx: Ctx) -> Result<Vec<Model>> {
//!         let request = HttpRequest::get(format!("{}/models", self.base)).bearer("api_key");
//!         Model::from_openai_list(&cx.http(request).await?.success().await?.bytes().await?)
//!     }
//! }
//!
//! export_connector!(Acme);
//! # fn main() {}
//! ```
//!
//! Where a turn needs code, write [`Connector::turn`] in place of [`Connector::passages`].
//!
//! **What the host promises you:** one thread at a time per task; every effect completes once or is cancelled; dropping a
//! task closes all that it opened; panics cost one turn. **What you promise the host:** no blocking call, no secret in an
//! error or log line, and back to the host (an `.await`) after at most a few milliseconds.
mod account;
mod agent;
#[cfg(feature = "wire")]
pub mod aws;
mod connector;
mod create;
mod ctx;
mod error;
mod exec;
#[doc(hidden)]
pub mod glue;
mod host;
mod http;
#[cfg(feature = "accounts")]
pub mod login;
mod object;
mod passage;
#[cfg(feature = "accounts")]
mod refusal;
#[cfg(feature = "accounts")]
mod rotation;
mod sse;
#[cfg(feature = "accounts")]
pub mod time;

pub use account::{Account, AccountFile, AccountState, Accounts, Lease, Login, Want};
pub use agent::{Agent, CommandOutput};
pub use connector::{Connector, Model, Turn};
pub use create::Create;
pub use ctx::{Ctx, Level};
pub use error::{Error, Result};
pub use exec::OpFuture;
pub use host::HostInfo;
pub use http::{HttpRequest, HttpResponse};
pub use lip_abi::{self, Buf};
#[cfg(feature = "wire")]
pub use lip_wire::{Dialect, canon};
pub use object::{Object, edit_elements};
pub use passage::Passage;
#[cfg(feature = "accounts")]
pub use refusal::Refusal;
#[cfg(feature = "accounts")]
pub use rotation::{Rotation, Verdict};
pub use serde::{self, Deserialize, Serialize};
pub use serde_json::{self, Value, json};
pub use sse::{SseEvent, SseReader};

/// Exports one or many connectors from a library: `export_connector!(Acme);`, `export_connector!(Acme, Acme2);`. Once per library.
#[macro_export]
macro_rules! export_connector {
    ($($connector:ty),+ $(,)?) => {
        /// Read by the host from the file, before it maps any code.
        #[used]
        #[unsafe(no_mangle)]
        pub static LIP_PLUGIN_STAMP: $crate::lip_abi::Stamp = $crate::lip_abi::Stamp::new(
            cfg!(panic = "unwind"),
            concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION")),
        );
        const _: () = {
            use $crate::lip_abi::abi_stable::{library, prefix_type::PrefixTypeTrait, std_types::{RResult, RStr}};
            use $crate::lip_abi::{AbiError, Buf, ConnectorBox, HostFns_Ref, PluginMod, PluginMod_Ref};

            const ENTRIES: &[$crate::glue::Entry] = &[$($crate::glue::Entry::of::<$connector>()),+];
            static MANIFEST: ::std::sync::OnceLock<::std::string::String> = ::std::sync::OnceLock::new();

            extern "C" fn manifest() -> RStr<'static> {
                $crate::glue::manifest(&MANIFEST, env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"), ENTRIES)
            }
            extern "C" fn create(
                host: HostFns_Ref,
                connector: RStr<'_>,
                instance: RStr<'_>,
                config: Buf,
            ) -> RResult<ConnectorBox, AbiError> {
                $crate::glue::report_panics_to(host);
                $crate::glue::create(ENTRIES, host, connector, instance, config)
            }
            fn module() -> PluginMod_Ref {
                PluginMod { manifest, create }.leak_into_prefix()
            }
            extern "C" fn constructor() -> library::RootModuleResult {
                library::__call_root_module_loader(module)
            }
            // What abi_stable's attribute expands to, written out so that an author needs no dependency on it.
            // SAFETY: the symbol is abi_stable's own, and the constructor returns the root module of this very type.
            #[unsafe(export_name = "_1as_0lib_1header_0root_bmodule_bloader")]
            pub static LOADER: library::LibHeader = unsafe {
                library::LibHeader::from_constructor::<PluginMod_Ref>(constructor, library::CheckTypeLayout::Yes)
            };
        };
    };
}
