//! Makes a connection's stream, so that what moves the connection can be this host's own.
use crate::address::Address;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ConnectionAddr, ErrorKind, RedisError, RedisResult};
use std::pin::Pin;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Moves a connection's commands and answers, as long as it is polled.
pub(super) type Moves = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Connects, says who asks, and leaves it to the caller to have the connection moved.
pub(super) async fn dial(
    address: &Address,
    config: AsyncConnectionConfig,
) -> RedisResult<(MultiplexedConnection, Moves)> {
    let info = address.info().ok_or_else(|| unusable("the URL cannot be read"))?;
    match &info.addr {
        ConnectionAddr::Tcp(host, port) => begin(&info.redis, stream(host, *port).await?, config).await,
        ConnectionAddr::TcpTls { host, port, insecure: false, .. } => {
            let name = ServerName::try_from(host.clone())
                .map_err(|_| unusable("no name that a certificate can have"))?;
            let connector = TlsConnector::from(Arc::new(tls()?));
            let stream = connector.connect(name, stream(host, *port).await?).await?;
            begin(&info.redis, stream, config).await
        }
        _ => Err(unusable("neither TCP nor TLS")),
    }
}

async fn begin(
    info: &redis::RedisConnectionInfo,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    config: AsyncConnectionConfig,
) -> RedisResult<(MultiplexedConnection, Moves)> {
    let (connection, moves) = MultiplexedConnection::new_with_config(info, stream, config).await?;
    Ok((connection, Box::pin(moves)))
}

async fn stream(host: &str, port: u16) -> RedisResult<TcpStream> {
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Believes the authorities that the system knows, or those in the file that `SSL_CERT_FILE` names.
fn tls() -> RedisResult<ClientConfig> {
    let mut found = rustls_native_certs::load_native_certs();
    if let Some(error) = found.errors.pop() {
        return Err(told("the authorities of certificates cannot be read", &error));
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| told("TLS cannot be had", &error))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

fn unusable(why: &'static str) -> RedisError {
    RedisError::from((ErrorKind::InvalidClientConfig, why))
}

fn told(what: &'static str, why: &dyn std::fmt::Display) -> RedisError {
    RedisError::from((ErrorKind::InvalidClientConfig, what, why.to_string()))
}
