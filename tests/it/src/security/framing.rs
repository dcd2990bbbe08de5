//! Requests whose ends two servers could see at different places (RFC 9112, 11.2), and heads that are none.
use super::scene::{BODY, KEY, Scene, exchange};

const NAMES_OF: &[(&str, &str)] = &[
    (
        "length_and_chunks",
        "content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: localhost\r\n\r\n",
    ),
    ("chunks_and_length", "transfer-encoding: chunked\r\ncontent-length: 6\r\n\r\n0\r\n\r\nX"),
    (
        "two_lengths",
        "content-length: 2\r\ncontent-length: 40\r\n\r\n{}GET /smuggled HTTP/1.1\r\nhost: localhost\r\n\r\n",
    ),
    ("list_of_lengths", "content-length: 2, 40\r\n\r\n{}GET /smuggled HTTP/1.1\r\nhost: localhost\r\n\r\n"),
    ("length_with_a_sign", "content-length: +2\r\n\r\n{}"),
    ("negative_length", "content-length: -1\r\n\r\n{}"),
    ("length_in_hexadecimal", "content-length: 0x2\r\n\r\n{}"),
    ("length_beyond_all_numbers", "content-length: 184467440737095516160\r\n\r\n{}"),
    ("length_that_is_a_word", "content-length: two\r\n\r\n{}"),
    ("chunked_is_not_last", "transfer-encoding: chunked, gzip\r\n\r\n2\r\n{}\r\n0\r\n\r\n"),
    ("unknown_transfer_encoding", "transfer-encoding: xchunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"),
    (
        "two_transfer_encodings",
        "transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    ),
    ("blank_before_the_colon", "transfer-encoding : chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"),
    ("folded_header", "x-a: b\r\n c\r\ncontent-length: 2\r\n\r\n{}"),
    ("folded_transfer_encoding", "transfer-encoding:\r\n chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"),
    ("bare_return_in_a_value", "x-a: b\rtransfer-encoding: chunked\r\ncontent-length: 2\r\n\r\n{}"),
    ("null_byte_in_a_value", "x-a: b\0c\r\ncontent-length: 2\r\n\r\n{}"),
    ("null_byte_in_a_name", "x\0a: b\r\ncontent-length: 2\r\n\r\n{}"),
    ("letters_of_other_scripts_in_a_name", "transfer\u{2d0}encoding: chunked\r\ncontent-length: 2\r\n\r\n{}"),
    ("header_without_a_colon", "content-length 2\r\n\r\n{}"),
    ("header_without_a_name", ": chunked\r\ncontent-length: 2\r\n\r\n{}"),
    (
        "size_of_a_chunk_beyond_all_numbers",
        "transfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n{}\r\n0\r\n\r\n",
    ),
    ("size_of_a_chunk_that_is_none", "transfer-encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n"),
    ("size_of_a_chunk_with_a_sign", "transfer-encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n"),
    (
        "chunk_without_its_line_end",
        "transfer-encoding: chunked\r\n\r\n2\r\n{}GET /smuggled HTTP/1.1\r\nhost: localhost\r\n\r\n",
    ),
];

const LINES: &[(&str, &str)] = &[
    ("no_version", "POST /v1/chat/completions"),
    ("other_version", "POST /v1/chat/completions HTTP/3.7"),
    ("blank_in_the_target", "POST /v1/chat /completions HTTP/1.1"),
    ("null_byte_in_the_target", "POST /v1/chat\0/completions HTTP/1.1"),
    ("method_with_a_line_break", "PO\rST /v1/chat/completions HTTP/1.1"),
    ("no_path", "POST  HTTP/1.1"),
    ("not_http", "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\u{1}\u{fc}\u{3}\u{3}"),
];

pub(super) fn names() -> Vec<&'static str> {
    NAMES_OF.iter().chain(LINES).map(|(name, _)| *name).chain(NAMES.iter().copied()).collect()
}

/// One answer at the most, which is no success and tells nothing, and no request behind the first.
fn check(name: &str, heard: &str) {
    assert!(heard.matches("HTTP/1.1 ").count() <= 1, "{name}: more than one answer: {heard}");
    let status = heard.split(' ').nth(1).unwrap_or("none");
    assert!(["none", "400", "413", "431", "501", "505"].contains(&status), "{name}: {heard}");
    assert!(!heard.contains("smuggled") && !heard.contains("canary-"), "{name}: {heard}");
}

#[tokio::test]
async fn requests_with_two_ends_are_refused() {
    let scene = Scene::guarded().await;
    for (name, rest) in NAMES_OF {
        let head = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nx-api-key: {KEY}\r\ncontent-type: application/json\r\n"
        );
        check(name, &exchange(scene.lip.address, format!("{head}{rest}").as_bytes()).await);
    }
    for (name, line) in LINES {
        let rest =
            format!("host: localhost\r\nx-api-key: {KEY}\r\ncontent-length: {}\r\n\r\n{BODY}", BODY.len());
        check(name, &exchange(scene.lip.address, format!("{line}\r\n{rest}").as_bytes()).await);
    }
    scene.is_unharmed().await;
}

super::attempts! {
    async fn too_large_a_head() {
        let scene = Scene::guarded().await;
        let large = "x".repeat(70_000);
        for head in [
            format!("POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nx-a: {large}\r\n"),
            format!("POST /v1/chat/completions?{large} HTTP/1.1\r\nhost: localhost\r\n"),
            format!("POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n{}", format!("x-a: {}\r\n", "y".repeat(1_000)).repeat(70)),
        ] {
            let heard = exchange(scene.lip.address, format!("{head}connection: close\r\ncontent-length: 2\r\n\r\n{{}}").as_bytes()).await;
            let is_refused = ["HTTP/1.1 431 ", "HTTP/1.1 414 "].iter().any(|line| heard.starts_with(line));
            assert!(is_refused, "{}", &heard[..heard.len().min(300)]);
        }
        scene.is_unharmed().await;
    }

    async fn head_without_an_end() {
        let scene = Scene::guarded().await;
        for endless in [format!("GET /{} ", "x".repeat(2 << 20)), format!("GET / HTTP/1.1\r\nhost: localhost\r\nx-a: {}", "y".repeat(2 << 20))] {
            let heard = exchange(scene.lip.address, endless.as_bytes()).await;
            check("head_without_an_end", &heard);
        }
        scene.is_unharmed().await;
    }

    async fn too_many_headers() {
        let scene = Scene::guarded().await;
        let many: String = (0..5_000).map(|n| format!("x-{n}: 1\r\n")).collect();
        let head = format!("GET /v1/models HTTP/1.1\r\nhost: localhost\r\nx-api-key: {KEY}\r\n{many}\r\n");
        check("too_many_headers", &exchange(scene.lip.address, head.as_bytes()).await);
        scene.is_unharmed().await;
    }

    async fn upgrade_to_clear_http2() {
        let scene = Scene::guarded().await;
        let head = "GET /v1/models HTTP/1.1\r\nhost: localhost\r\nconnection: Upgrade, HTTP2-Settings, close\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n\r\n";
        let heard = exchange(scene.lip.address, head.as_bytes()).await;
        assert!(heard.starts_with("HTTP/1.1 401 ") && !heard.contains(" 101 "), "{heard}");
        scene.is_unharmed().await;
    }

    async fn second_request_in_the_same_write() {
        // Pipelining is legal: each is checked by itself, and the key of the first opens nothing for the second.
        let scene = Scene::guarded().await;
        let first = format!("GET /v1/models/none HTTP/1.1\r\nhost: localhost\r\nx-api-key: {KEY}\r\n\r\n");
        let second = "GET /v1/models HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        let heard = exchange(scene.lip.address, format!("{first}{second}").as_bytes()).await;
        let statuses: Vec<&str> = heard.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect();
        assert_eq!(statuses.get(1), Some(&"401"), "{heard}");
    }
}
