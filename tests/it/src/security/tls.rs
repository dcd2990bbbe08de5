//! The listener's TLS: a client that trusts a test's own authority, and clients that speak otherwise.
use super::scene::{BODY, KEY, Scene, config, exchange, says_ok};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use stage::{Call, Connection, Lip, LipBuilder, Upstream, within};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// An authority that a client may trust.
struct Authority(CertifiedIssuer<'static, KeyPair>);

/// PEM texts.
struct Certified {
    chain: String,
    key: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority"))
    }

    fn certify(&self, name: &str) -> Certified {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
        let own = params.signed_by(&key, &self.0).expect("a certificate");
        Certified { chain: own.pem(), key: key.serialize_pem() }
    }

    fn trusted(&self) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(self.0.der().to_vec())).expect("a root");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions");
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Arc::new(config)
    }
}

fn put(home: &Path, certified: &Certified) {
    std::fs::write(home.join("cert.pem"), &certified.chain).expect("a certificate");
    std::fs::write(home.join("key.pem"), &certified.key).expect("a key");
}

fn host(certified: &Certified) -> LipBuilder {
    let builder = Lip::builder().env("API_KEYS", KEY).args("--tls-cert cert.pem --tls-key key.pem");
    put(builder.home(), certified);
    builder
}

async fn connect(
    address: SocketAddr,
    config: &Arc<ClientConfig>,
    name: &'static str,
) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = within("a connection", TcpStream::connect(address)).await?;
    let name = ServerName::try_from(name).expect("a name");
    within("a handshake", TlsConnector::from(Arc::clone(config)).connect(name, stream)).await
}

super::attempts! {
    async fn plain_http_on_a_port_with_tls() {
        let authority = Authority::new();
        let lip = host(&authority.certify("localhost")).start().await;
        assert!(lip.stdout().starts_with("lip listening on https://"), "{}", lip.stdout());
        let plain = super::scene::request("POST", "/v1/chat/completions", &[("x-api-key", KEY)], BODY);
        let heard = exchange(lip.address, plain.as_bytes()).await;
        assert!(!heard.contains("HTTP/1.1 200"), "{heard}");
        // Who speaks TLS is served.
        let upstream = Upstream::by(says_ok).await;
        let builder = host(&authority.certify("localhost")).config_toml(&config(&upstream.url()));
        let lip = builder.start().await;
        let stream = connect(lip.address, &authority.trusted(), "localhost").await.expect("TLS");
        let answer = Connection::over(stream).send(&Call::chat(BODY).bearer(KEY)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let stream = connect(lip.address, &authority.trusted(), "localhost").await.expect("TLS");
        assert_eq!(Connection::over(stream).send(&Call::chat(BODY)).await.status, 401);
    }

    async fn impostor_in_the_place_of_the_host() {
        let lip = host(&Authority::new().certify("lip.test")).start().await;
        let status = format!("plugin status --port {}", lip.address.port());
        let told = lip.cli(&status).await;
        assert!(told.success && told.stdout.contains("echo"), "{told:?}");
        // Somebody else, with a certificate for the same name, in the place that the commands ask.
        let impostor = host(&Authority::new().certify("lip.test")).start().await;
        let told = lip.cli(&format!("config reload --port {}", impostor.address.port())).await;
        assert!(!told.success && told.stderr.contains("tls.cert"), "{told:?}");
        // A host without TLS, for one who was told of a certificate.
        let plain = Lip::builder().env("API_KEYS", KEY).start().await;
        let told = lip.cli(&format!("plugin status --port {}", plain.address.port())).await;
        assert!(!told.success && told.stderr.contains("no host answers"), "{told:?}");
    }

    async fn old_versions_of_tls() {
        let lip = host(&Authority::new().certify("localhost")).start().await;
        for version in [0x00, 0x01, 0x02] {
            // A ClientHello of SSL 3.0, TLS 1.0 or 1.1 (RFC 5246, 7.4.1.2) with one cipher suite and no extensions.
            let hello = [&[0x03, version][..], &[7; 32], &[0, 0, 2, 0xc0, 0x13, 1, 0]].concat();
            let handshake = [&[1, 0, 0, hello.len() as u8][..], &hello].concat();
            let record = [&[0x16, 0x03, 0x01, 0, handshake.len() as u8][..], &handshake].concat();
            let mut stream = within("a connection", TcpStream::connect(lip.address)).await.expect("a connection");
            stream.write_all(&record).await.expect("a hello");
            let mut heard = Vec::new();
            let _ = within("the end", stream.read_to_end(&mut heard)).await;
            // An alert, and never a ServerHello (handshake record, type 2).
            assert!(heard.first() != Some(&0x16), "3.{version}: {heard:?}");
        }
    }

    async fn certificate_for_another_name_or_of_nobody() {
        let authority = Authority::new();
        let lip = host(&authority.certify("localhost")).start().await;
        assert!(connect(lip.address, &authority.trusted(), "evil.test").await.is_err());
        assert!(connect(lip.address, &Authority::new().trusted(), "localhost").await.is_err());
        assert!(connect(lip.address, &authority.trusted(), "localhost").await.is_ok());
    }

    async fn handshake_that_never_ends() {
        let authority = Authority::new();
        let lip = host(&authority.certify("localhost")).config_toml("timeouts.request_head = 1").start().await;
        for begun in [&b""[..], b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"] {
            let heard = exchange(lip.address, begun).await;
            assert!(!heard.contains("HTTP/"), "{heard}");
        }
        assert!(connect(lip.address, &authority.trusted(), "localhost").await.is_ok());
    }

    async fn certificate_that_cannot_be_used() {
        let (one, other) = (Authority::new().certify("localhost"), Authority::new().certify("localhost"));
        let mixed = Certified { chain: one.chain.clone(), key: other.key.clone() };
        let empty = Certified { chain: String::new(), key: one.key.clone() };
        let keyless = Certified { chain: one.chain.clone(), key: one.chain.clone() };
        for (certified, says) in [(&mixed, "not the key of the first certificate"), (&empty, "no certificate in PEM"), (&keyless, "no private key")] {
            for args in ["--port 0", "config check"] {
                let output = host(certified).args(args).run().await;
                assert!(!output.success && output.stderr.contains(says), "{says}: {output:?}");
            }
        }
        let missing = Lip::builder().args("--tls-cert none.pem --tls-key none.pem --port 0").run().await;
        assert!(!missing.success && missing.stderr.contains("none.pem cannot be read"), "{missing:?}");
        let half = Lip::builder().args("--tls-cert none.pem --port 0").run().await;
        assert!(!half.success && half.stderr.contains("needs tls.key"), "{half:?}");
    }

    #[cfg(unix)]
    async fn bad_certificate_in_place_of_a_good_one() {
        let authority = Authority::new();
        let lip = host(&authority.certify("localhost")).start().await;
        // Once it answers, it hears signals, too.
        assert!(connect(lip.address, &authority.trusted(), "localhost").await.is_ok());
        put(lip.home(), &Certified { chain: "broken".to_owned(), key: "broken".to_owned() });
        lip.signal("HUP").await;
        lip.logged("the old certificate stays in use").await;
        assert!(connect(lip.address, &authority.trusted(), "localhost").await.is_ok());
        let newer = Authority::new();
        put(lip.home(), &newer.certify("localhost"));
        lip.signal("HUP").await;
        lip.logged("the certificate was read again").await;
        assert!(connect(lip.address, &newer.trusted(), "localhost").await.is_ok());
        assert!(connect(lip.address, &authority.trusted(), "localhost").await.is_err());
    }

    async fn several_users_without_tls() {
        // Allowed, for a proxy may stand in front; but said.
        let args = "--multi-user-mode --host 0.0.0.0";
        let lip = Lip::builder().args(args).env("API_KEYS", KEY).start().await;
        assert!(lip.stdout().contains("without TLS"), "{}", lip.stdout());
        let builder = host(&Authority::new().certify("localhost")).args(args);
        assert!(!builder.start().await.stdout().contains("without TLS"));
        let scene = Scene::guarded().await;
        assert!(!scene.lip.stdout().contains("without TLS"));
    }
}
