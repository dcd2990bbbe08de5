//! How streams to upstreams are opened: whatever they are made of, with TLS where a URL says so.
use crate::socket::Doubt;
use http::{Extensions, Uri};
use hyper::rt::{Read, Write};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::Connection;
use rustls::ClientConfig;
use std::error::Error;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use tower_service::Service;

/// What a stream can do.
pub(crate) trait Stream: Read + Write + Send + Unpin {}
impl<T: Read + Write + Send + Unpin> Stream for T {}

/// An open stream.
pub(crate) struct Opened {
    pub(crate) stream: Box<dyn Stream>,
    /// Did both sides agree on HTTP/2?
    pub(crate) is_h2: bool,
    /// None for a transport that cannot be read past the reactor.
    pub(crate) doubt: Option<Doubt>,
}

type Opening = Pin<Box<dyn Future<Output = Result<Opened, Box<dyn Error + Send + Sync>>> + Send>>;

/// Opens streams.
pub(crate) trait Open: Send + Sync {
    fn open(&self, url: Uri) -> Opening;
}

/// What connections can be made of.
pub trait Transport:
    Service<
        Uri,
        Response: Connection + Read + Write + Send + Unpin + 'static,
        Error: Into<Box<dyn Error + Send + Sync>>,
        Future: Send,
    > + Clone
    + Send
    + Sync
    + 'static
{
}

impl<T> Transport for T
where
    T: Service<Uri, Future: Send, Error: Into<Box<dyn Error + Send + Sync>>>,
    T: Clone + Send + Sync + 'static,
    T::Response: Connection + Read + Write + Send + Unpin + 'static,
{
}

/// Streams over one kind of transport.
pub(crate) struct Streams {
    all: Box<dyn Open>,
    /// For servers whose HTTP/2 is not to be used.
    http1: Box<dyn Open>,
}

impl Streams {
    /// Streams over `transport`.
    pub(crate) fn over(transport: impl Transport) -> Self {
        let tls = || HttpsConnectorBuilder::new().with_webpki_roots().https_or_http();
        let all = Box::new(tls().enable_all_versions().wrap_connector(transport.clone()));
        Self { all, http1: Box::new(tls().enable_http1().wrap_connector(transport)) }
    }

    /// Streams to a host of one's own, which shows the certificate that `tls` knows.
    pub(crate) fn to_own(transport: impl Transport, tls: ClientConfig) -> Self {
        let tls = || HttpsConnectorBuilder::new().with_tls_config(tls.clone()).https_only().enable_http1();
        let all = Box::new(tls().wrap_connector(transport.clone()));
        Self { all, http1: Box::new(tls().wrap_connector(transport)) }
    }

    pub(crate) fn open(&self, url: Uri, http1_only: bool) -> Opening {
        if http1_only { self.http1.open(url) } else { self.all.open(url) }
    }
}

impl<T: Transport> Open for HttpsConnector<T> {
    fn open(&self, url: Uri) -> Opening {
        let mut connector = self.clone();
        Box::pin(async move {
            poll_fn(|cx| connector.poll_ready(cx)).await?;
            let stream = connector.call(url).await?;
            let (connected, mut extras) = (stream.connected(), Extensions::new());
            connected.get_extras(&mut extras);
            let (is_h2, doubt) = (connected.is_negotiated_h2(), extras.remove());
            Ok(Opened { stream: Box::new(stream), is_h2, doubt })
        })
    }
}
