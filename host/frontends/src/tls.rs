//! TLS of the listener: which certificate is shown, and that no version before 1.2 is spoken. Reads no files.
use arc_swap::ArcSwap;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{InconsistentKeys, ServerConfig};
use std::future::Future;
use std::io;
use std::sync::Arc;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Why a certificate and its key cannot be used. Shows nothing of the key.
#[derive(Debug, Error)]
pub enum BadCertificate {
    /// No certificate stands in the PEM text.
    #[error("tls.cert holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)")]
    NoCertificate,
    /// No private key stands in the PEM text.
    #[error(
        "tls.key holds no private key in PEM form (-----BEGIN PRIVATE KEY-----); one with a password cannot be used"
    )]
    NoKey,
    /// They do not belong together.
    #[error(
        "tls.key is not the key of the first certificate in tls.cert; put the host's own certificate first, then the chain"
    )]
    Mismatch,
    /// Something else is wrong with them.
    #[error("tls.cert and tls.key cannot be used: {0}")]
    Unusable(String),
}

/// Speaks TLS with clients. Cheap to clone; all clones show the same certificate.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
    shown: Arc<Shown>,
}

#[derive(Debug)]
struct Shown(ArcSwap<CertifiedKey>);

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

impl Tls {
    /// Shows the certificates of `chain`, the host's own first; `key` is that one's. Both are PEM.
    ///
    /// # Errors
    /// They cannot be used.
    pub fn new(chain: &[u8], key: &[u8]) -> Result<Self, BadCertificate> {
        let provider = Arc::new(ring::default_provider());
        let shown = Arc::new(Shown(ArcSwap::from_pointee(certified(chain, key, &provider)?)));
        let config = ServerConfig::builder_with_provider(provider).with_protocol_versions(&[&TLS13, &TLS12]);
        let config = config.map_err(|error| BadCertificate::Unusable(error.to_string()))?;
        let mut config = config.with_no_client_auth().with_cert_resolver(Arc::<Shown>::clone(&shown));
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), shown })
    }

    /// Shows others from the next connection on.
    ///
    /// # Errors
    /// They cannot be used; the old ones stay.
    pub fn replace(&self, chain: &[u8], key: &[u8]) -> Result<(), BadCertificate> {
        self.shown.0.store(Arc::new(certified(chain, key, &ring::default_provider())?));
        Ok(())
    }

    pub(crate) fn accept(
        &self,
        stream: TcpStream,
    ) -> impl Future<Output = io::Result<TlsStream<TcpStream>>> + Send + use<> {
        self.acceptor.accept(stream)
    }
}

fn certified(chain: &[u8], key: &[u8], provider: &CryptoProvider) -> Result<CertifiedKey, BadCertificate> {
    let chain: Result<Vec<CertificateDer<'static>>, _> = CertificateDer::pem_slice_iter(chain).collect();
    let chain = chain.ok().filter(|chain| !chain.is_empty()).ok_or(BadCertificate::NoCertificate)?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| BadCertificate::NoKey)?;
    CertifiedKey::from_der(chain, key, provider).map_err(|error| match error {
        rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => BadCertificate::Mismatch,
        other => BadCertificate::Unusable(other.to_string()),
    })
}
