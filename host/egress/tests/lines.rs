//! Connections to a scripted upstream: reused while they are good, closed when nobody listens, replaced when they are stale.
#![expect(clippy::expect_used, reason = "a test stops at the first surprise")]
use bytes::Bytes;
use egress::{Call, Deadlines, Egress, Head, Target};
use http::{HeaderMap, Method};
use http_body_util::BodyExt;
use std::io::{Read, Write};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

const SMALL: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const NOTHING: &str = "HTTP/1.1 204 No Content\r\n\r\n";

/// What the upstream saw of one connection.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Opened,
    Request(String),
    Closed,
}

/// An upstream that answers every request with the same bytes, and tells what it sees.
async fn upstream(answer: &'static str, closes: bool) -> (SocketAddr, mpsc::UnboundedReceiver<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (tell, seen) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = tell.send(Seen::Opened);
            tokio::spawn(serve(stream, answer, closes, tell.clone()));
        }
    });
    (address, seen)
}

async fn serve(mut stream: TcpStream, answer: &str, closes: bool, tell: mpsc::UnboundedSender<Seen>) {
    let mut head = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer).await {
            Ok(n) if n > 0 => head.extend_from_slice(&buffer[..n]),
            _ => break,
        }
        if head.ends_with(b"\r\n\r\n") {
            let _ = tell.send(Seen::Request(String::from_utf8_lossy(&head).into_owned()));
            head.clear();
            if stream.write_all(answer.as_bytes()).await.is_err() || closes {
                break;
            }
        }
    }
    drop(stream);
    let _ = tell.send(Seen::Closed);
}

fn call(url: &str, http1_only: bool) -> Call {
    let target = Target::of(url.parse().expect("a URL"), http1_only).expect("a target");
    Call { method: Method::GET, target, headers: HeaderMap::new(), body: Bytes::new() }
}

async fn get(egress: &Egress, url: &str) -> Head {
    egress.send(call(url, false), None).await.expect("an answer")
}

async fn read(head: Head) -> Bytes {
    head.body.collect().await.expect("a whole body").to_bytes()
}

#[tokio::test]
async fn line_is_used_again_once_its_answer_was_read() {
    for (answer, body) in [(SMALL, "ok"), (NOTHING, "")] {
        let (address, mut seen) = upstream(answer, false).await;
        let egress = Egress::new(Deadlines::default());
        for path in ["/a?b=c", "/", ""] {
            assert_eq!(read(get(&egress, &format!("http://{address}{path}")).await).await, body);
        }
        assert_eq!(seen.recv().await, Some(Seen::Opened));
        for path in ["/a?b=c", "/", "/"] {
            let want = format!("GET {path} HTTP/1.1\r\naccept-encoding: identity\r\nhost: {address}\r\n\r\n");
            assert_eq!(seen.recv().await, Some(Seen::Request(want)));
        }
        drop(egress);
        assert_eq!(seen.recv().await, Some(Seen::Closed));
    }
}

#[tokio::test]
async fn answer_that_nobody_reads_closes_its_line() {
    let (address, mut seen) = upstream("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok", false).await;
    let egress = Egress::new(Deadlines::default());
    let head = get(&egress, &format!("http://{address}/")).await;
    assert_eq!(seen.recv().await, Some(Seen::Opened));
    assert!(matches!(seen.recv().await, Some(Seen::Request(_))));
    drop(head);
    assert_eq!(seen.recv().await, Some(Seen::Closed));
}

#[tokio::test]
async fn line_that_its_upstream_has_closed_is_replaced() {
    let (address, mut seen) = upstream(SMALL, true).await;
    let egress = Egress::new(Deadlines::default());
    for _ in 0..3 {
        assert_eq!(read(get(&egress, &format!("http://{address}/")).await).await, "ok");
        assert_eq!(seen.recv().await, Some(Seen::Opened));
        assert!(matches!(seen.recv().await, Some(Seen::Request(_))));
        assert_eq!(seen.recv().await, Some(Seen::Closed));
    }
}

/// On one thread, and nothing is waited for after the upstream has hung up: the reactor has no chance to tell the line of it.
#[tokio::test]
async fn line_that_was_closed_behind_the_reactors_back_is_replaced() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    let (ask, asked) = std::sync::mpsc::channel::<()>();
    let (tell, told) = std::sync::mpsc::channel();
    let upstream = std::thread::spawn(move || {
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut head = [0; 4096];
            assert!(stream.read(&mut head).expect("a request") > 0);
            stream.write_all(SMALL.as_bytes()).expect("an answer");
            asked.recv().expect("being asked to hang up");
            drop(stream);
            tell.send(()).expect("somebody who listens");
        }
    });
    let egress = Egress::new(Deadlines::default());
    for _ in 0..2 {
        assert_eq!(read(get(&egress, &url).await).await, "ok");
        tokio::time::pause();
        tokio::time::advance(std::time::Duration::from_secs(1)).await;
        tokio::time::resume();
        ask.send(()).expect("the upstream");
        told.recv().expect("the upstream");
    }
    upstream.join().expect("the upstream");
}

#[tokio::test]
async fn two_at_once_have_two_lines() {
    let (address, mut seen) = upstream(SMALL, false).await;
    let egress = Egress::new(Deadlines::default());
    let url = format!("http://{address}/");
    let (one, two) = tokio::join!(get(&egress, &url), get(&egress, &url));
    let mut opened = 0;
    for _ in 0..4 {
        opened += usize::from(seen.recv().await == Some(Seen::Opened));
    }
    assert_eq!(opened, 2);
    assert_eq!((read(one).await, read(two).await), (Bytes::from("ok"), Bytes::from("ok")));
}

#[tokio::test]
async fn cut_answer_is_a_fault() {
    let (address, _seen) = upstream("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok", true).await;
    let egress = Egress::new(Deadlines::default());
    let head = get(&egress, &format!("http://{address}/")).await;
    let fault = head.body.collect().await.expect_err("a cut");
    assert!(fault.to_string().contains("broke off in the middle"), "{fault}");
    let (address, _seen) =
        upstream("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n", true).await;
    let head = get(&egress, &format!("http://{address}/")).await;
    assert!(head.body.collect().await.is_err());
}

/// Whether the client's TLS greeting offers HTTP/2 (RFC 7301, ALPN).
async fn offers_http2(http1_only: bool) -> bool {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let call = call(&format!("https://{}/", listener.local_addr().expect("an address")), http1_only);
    let sending = tokio::spawn(async move { Egress::new(Deadlines::default()).send(call, None).await });
    let (mut stream, _) = listener.accept().await.expect("a connection");
    let mut length = [0; 5];
    stream.read_exact(&mut length).await.expect("the head of a TLS record");
    let mut greeting = vec![0; usize::from(u16::from_be_bytes([length[3], length[4]]))];
    stream.read_exact(&mut greeting).await.expect("a greeting");
    sending.abort();
    greeting.windows(3).any(|bytes| bytes == b"\x02h2")
}

#[tokio::test]
async fn http2_is_offered_unless_it_must_not_be_used() {
    assert!(offers_http2(false).await);
    assert!(!offers_http2(true).await);
}
