//! What a manifest says of an upstream's ways, for the host to keep: its errors and its transport.
use crate::wire;
use base::{Fault, Retry};
use lip_wire::canon::FailureKind;
use lip_wire::fault::WireFault;
use loader::{ConnectorManifest, ErrorIn200};

/// The ways of one upstream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manner {
    error_in_200: Option<ErrorIn200>,
    /// HTTP/2 is not to be used.
    pub(crate) http1_only: bool,
}

impl Manner {
    /// What `manifest` says.
    pub fn of(manifest: &ConnectorManifest) -> Self {
        Self { error_in_200: manifest.error_in_200.clone(), http1_only: manifest.http1_only }
    }

    /// The error in a body or event of an answer with status 200.
    pub(crate) fn error(&self, body: &[u8]) -> Option<Fault> {
        let found = self.error_in_200.as_ref()?.find(body)?;
        let fault = wire::upstream(&WireFault {
            status: found.status,
            kind: FailureKind::of_status(found.status),
            message: found.message,
            code: Some(found.code).filter(|code| !code.is_empty()),
            ..WireFault::default()
        });
        Some(if fault.retry == Retry::Never { fault } else { fault.retry(Retry::Elsewhere) })
    }
}
