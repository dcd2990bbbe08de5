//! The listener for a browser's answer, with real sockets of this machine.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail by panic, also in its helpers")]
use base::Secret;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use vault::login::{Done, Listener, NoLogin};

type Waiting = JoinHandle<Result<Secret<String>, NoLogin>>;

async fn waiting(done: Done) -> (u16, Waiting) {
    let listener = Listener::bind(&[0], "/cb").await.unwrap();
    let port = listener.port();
    assert_eq!(listener.redirect_uri("localhost"), format!("http://localhost:{port}/cb"));
    (port, tokio::spawn(async move { listener.wait("s1", &done, Duration::from_secs(60)).await }))
}

async fn send(port: u16, request: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

async fn get(port: u16, target: &str) -> String {
    send(port, &format!("GET {target} HTTP/1.1\r\nhost: localhost\r\nconnection: keep-alive\r\n\r\n")).await
}

#[tokio::test]
async fn only_the_answer_to_our_state_ends_it() {
    let (port, waiting) = waiting(Done::Page).await;
    // A browser's spare connection says nothing, and holds nobody up.
    let mut idle = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    for (request, want) in [
        ("GET /favicon.ico HTTP/1.1\r\n\r\n", "HTTP/1.1 404 "),
        ("GET /cb/x?code=c&state=s1 HTTP/1.1\r\n\r\n", "HTTP/1.1 404 "),
        ("POST /cb?code=c&state=s1 HTTP/1.1\r\n\r\n", "HTTP/1.1 405 "),
        ("GET /cb?code=evil&state=s2 HTTP/1.1\r\n\r\n", "HTTP/1.1 400 "),
        ("GET /cb?error=evil&state=s2 HTTP/1.1\r\n\r\n", "HTTP/1.1 400 "),
        ("GET /cb HTTP/1.1\r\n\r\n", "HTTP/1.1 400 "),
        ("\r\n\r\n", "HTTP/1.1 404 "),
    ] {
        let answer = send(port, request).await;
        assert!(answer.starts_with(want), "{request:?}: {answer}");
    }
    let long = send(port, &format!("GET /cb?x={} HTTP/1.1\r\n", "y".repeat(20_000))).await;
    assert!(long.is_empty() || long.starts_with("HTTP/1.1 431 "), "{long}");
    let answer = get(port, "/cb?code=4%2Fcode-secret&state=s1").await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("connection: close"), "{answer}");
    assert!(!answer.contains("secret") && !answer.contains("s1"), "{answer}");
    assert_eq!(waiting.await.unwrap().unwrap().expose(), "4/code-secret");
    assert_eq!(idle.read(&mut [0; 8]).await.unwrap_or(0), 0, "closed as well");
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn refusal_of_the_server_ends_it() {
    let (port, waiting) = waiting(Done::Page).await;
    let answer = get(port, "/cb?error=access_denied&error_description=You+said+%3Cb%3Eno&state=s1").await;
    assert!(!answer.contains("<b>"), "a server's words do not become our page: {answer}");
    let why = waiting.await.unwrap().unwrap_err().to_string();
    assert_eq!(why, "the login was refused (You said <b>no): log in again and allow the access");
}

#[tokio::test]
async fn browser_is_sent_to_the_providers_page() {
    for (url, want) in [
        ("https://provider.example/done", "\r\nlocation: https://provider.example/done\r\n"),
        ("https://provider.example/\r\nset-cookie: x", "HTTP/1.1 200 "),
    ] {
        let (port, waiting) = waiting(Done::Redirect(url.into())).await;
        let answer = get(port, "/cb?code=c&state=s1").await;
        assert!(answer.contains(want) && !answer.contains("set-cookie"), "{answer}");
        waiting.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn busy_port_gives_way_to_the_next() {
    let busy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = busy.local_addr().unwrap().port();
    assert_ne!(Listener::bind(&[port, 0], "/cb").await.unwrap().port(), port);
    let why = Listener::bind(&[port], "/cb").await.unwrap_err().to_string();
    assert!(why.contains(&port.to_string()) && why.contains("paste the address by hand"), "{why}");
}

#[tokio::test(start_paused = true)]
async fn nobody_is_waited_for_without_end() {
    let listener = Listener::bind(&[0], "/cb").await.unwrap();
    let why = listener.wait("s1", &Done::Page, Duration::from_secs(300)).await.unwrap_err();
    assert!(why.to_string().contains("within 300 s"), "{why}");
}
