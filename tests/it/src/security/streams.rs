//! HTTP/2: its own ways to name a host, to flood one, and to open more than is closed. Source: RFC 9113; CVE-2023-44487.
use super::scene::{BODY, KEY, Scene, request};
use bytes::Bytes;
use h2::client::{SendRequest, handshake};
use http::Request;
use stage::within;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A connection that speaks HTTP/2 at once (RFC 9113, 3.3).
async fn connect(address: SocketAddr) -> SendRequest<Bytes> {
    let stream = within("a connection", TcpStream::connect(address)).await.expect("a connection");
    let (send, connection) = within("a handshake", handshake(stream)).await.expect("HTTP/2");
    tokio::spawn(async move {
        // Its end is what some attempts are about.
        let _ = connection.await;
    });
    send
}

fn ask(uri: &str, headers: &[(&str, &str)]) -> Request<()> {
    let mut request = Request::builder().method("POST").uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).expect("a request")
}

/// Sends one request; its status, if there is one.
async fn status(send: &SendRequest<Bytes>, request: Request<()>) -> Option<u16> {
    let mut send = within("room for a stream", send.clone().ready()).await.ok()?;
    let (response, mut body) = send.send_request(request, false).ok()?;
    body.send_data(Bytes::from_static(BODY.as_bytes()), true).ok()?;
    Some(within("an answer", response).await.ok()?.status().as_u16())
}

super::attempts! {
    async fn no_key_over_http2() {
        let scene = Scene::guarded().await;
        let send = connect(scene.lip.address).await;
        for headers in [&[][..], &[("authorization", "Bearer wrong")], &[("x-api-key", ""), ("cookie", KEY)]] {
            assert_eq!(status(&send, ask("http://localhost/v1/chat/completions", headers)).await, Some(401), "{headers:?}");
        }
        scene.is_unharmed().await;
        assert_eq!(status(&send, ask("http://localhost/v1/chat/completions", &[("x-api-key", KEY)])).await, Some(200));
    }

    async fn rebound_authority() {
        let scene = Scene::open().await;
        let send = connect(scene.lip.address).await;
        for (uri, headers) in [
            ("http://evil.test/v1/chat/completions", &[][..]),
            ("http://evil.test/v1/chat/completions", &[("host", "localhost")]),
            ("http://localhost/v1/chat/completions", &[("host", "evil.test")]),
        ] {
            let told = status(&send, ask(uri, headers)).await;
            assert!([None, Some(400), Some(403)].contains(&told), "{uri} {headers:?}: {told:?}");
        }
        scene.is_unharmed().await;
    }

    async fn headers_of_http1_over_http2() {
        let scene = Scene::guarded().await;
        for (name, value) in [("connection", "upgrade"), ("transfer-encoding", "chunked"), ("upgrade", "h2c"), ("keep-alive", "1"), ("proxy-connection", "x")] {
            // RFC 9113, 8.2.2: such a request is malformed. A client of this crate refuses to send it, too, and that is as good.
            let send = connect(scene.lip.address).await;
            let told = status(&send, ask("http://localhost/v1/chat/completions", &[(name, value)])).await;
            assert!([None, Some(400), Some(401)].contains(&told), "{name}: {told:?}");
        }
        scene.is_unharmed().await;
    }

    async fn rapid_reset() {
        let scene = Scene::guarded().await;
        let send = connect(scene.lip.address).await;
        let mut sent = 0;
        for _ in 0..20_000 {
            let Ok(mut ready) = within("room for a stream", send.clone().ready()).await else { break };
            let Ok((_, mut body)) = ready.send_request(ask("http://localhost/v1/chat/completions", &[("x-api-key", KEY)]), false) else { break };
            body.send_reset(h2::Reason::CANCEL);
            sent += 1;
        }
        assert!(sent > 0);
        assert!(scene.lip.memory_bytes() < 600 << 20, "{} MiB", scene.lip.memory_bytes() >> 20);
        scene.is_unharmed().await;
    }

    async fn more_streams_than_are_allowed() {
        let scene = Scene::guarded().await;
        let mut stream = within("a connection", TcpStream::connect(scene.lip.address)).await.expect("a connection");
        // RFC 7541: POST and http by their numbers, then `:path: /` and `:authority: localhost`.
        let block = b"\x83\x86\x84\x41\x09localhost";
        let mut sent = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00".to_vec();
        for id in (0..1_000_u32).map(|n| 2 * n + 1) {
            // HEADERS with END_HEADERS: the body is still to come, for ever.
            sent.extend_from_slice(&[0, 0, block.len() as u8, 1, 4]);
            sent.extend_from_slice(&id.to_be_bytes());
            sent.extend_from_slice(block);
        }
        let _ = within("the host to read", stream.write_all(&sent)).await;
        // RST_STREAM with REFUSED_STREAM, or GOAWAY (RFC 9113, 6.4 and 6.8).
        let refused = async {
            loop {
                let mut head = [0; 9];
                let read = stream.read_exact(&mut head).await;
                let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
                let mut payload = vec![0; length];
                let read = match read {
                    Ok(_) => stream.read_exact(&mut payload).await,
                    Err(error) => Err(error),
                };
                match (read, head[3]) {
                    (Err(_), _) | (Ok(_), 7) => return,
                    (Ok(_), 3) if payload.last() == Some(&7) => return,
                    (Ok(_), _) => {}
                }
            }
        };
        within("the host to refuse a stream", refused).await;
        scene.is_unharmed().await;
    }

    async fn headers_that_unfold() {
        // HPACK repeats a long value by one byte: a small head that becomes a large one.
        let scene = Scene::guarded().await;
        let send = connect(scene.lip.address).await;
        let value = "v".repeat(3_000);
        let mut bomb = ask("http://localhost/v1/chat/completions", &[]);
        for _ in 0..2_000 {
            bomb.headers_mut().append("x-a", value.parse().expect("a value"));
        }
        let told = status(&send, bomb).await;
        assert!([None, Some(431)].contains(&told), "{told:?}");
        assert!(scene.lip.memory_bytes() < 600 << 20);
        scene.is_unharmed().await;
    }

    async fn frames_that_are_none() {
        let scene = Scene::guarded().await;
        for frames in [
            // A frame of 16 MiB; a window that is 0; settings of a stream; data of a stream that is not open; a flood of pings.
            &b"\xff\xff\xff\x00\x00\x00\x00\x00\x01"[..], b"\x00\x00\x04\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00", b"\x00\x00\x00\x04\x00\x00\x00\x00\x01",
            b"\x00\x00\x01\x00\x00\x00\x00\x00\x07x", b"\x00\x00\x05\x02\x00\x00\x00\x00\x01\x00\x00\x00\x01\x10",
        ] {
            let mut stream = within("a connection", TcpStream::connect(scene.lip.address)).await.expect("a connection");
            let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";
            let _ = stream.write_all(&[&preface[..], frames].concat()).await;
            for _ in 0..10_000 {
                if stream.write_all(b"\x00\x00\x08\x06\x00\x00\x00\x00\x0012345678").await.is_err() {
                    break;
                }
            }
        }
        assert!(scene.lip.memory_bytes() < 600 << 20);
        let answer = scene.must_answer(request("GET", "/v1/models", &[], ""), "after").await;
        assert_eq!(answer.status, 401);
        scene.is_unharmed().await;
    }
}
