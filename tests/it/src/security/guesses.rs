//! Guessing keys from another machine. The real frontends in this process: a connection from elsewhere is what the door is told.
use access::{Client, Clients, KeyHash, ThrottleRules};
use agents::Agents;
use egress::{Deadlines, Egress};
use engine::{Backends, Edges, Engine, Rules};
use frontends::{Accounting, App, ClientKeys, Door};
use http::HeaderValue;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use stage::{Answer, Call, Connection};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::duplex;
use vault::{SystemClock, Vault};

const KEY: &str = "right-0123456789abcdef";

/// A host that asks for [`KEY`] and shuts out after five wrong ones.
fn door() -> Door {
    let word = HeaderValue::from_static("lip");
    let edges = Edges {
        egress: Egress::new(Deadlines::default()),
        agents: Agents::default(),
        vault: Vault::open("no-accounts".into(), Arc::new(SystemClock)),
        home: None,
        user_agent: word.clone(),
        host_id: word,
        witnesses: Vec::new(),
        prices: None,
        hide: None,
        state: None,
        cluster: engine::Cluster::default(),
    };
    let engine = Engine::new(Backends::new(Vec::new(), None).expect("none"), Rules::default(), edges);
    let clients = Clients::new([(KeyHash::of(KEY.as_bytes()), Client::default())]);
    let rules = ThrottleRules { block: Duration::from_secs(60), ..ThrottleRules::default() };
    Door::new(Arc::new(App {
        names: access::Names::any(),
        ..App::new(Arc::new(engine), ClientKeys::of(clients, rules, Accounting::default()))
    }))
}

async fn ask(door: &Door, from: &str, call: Call) -> Answer {
    let (near, far) = duplex(1 << 16);
    let door = door.reached_from(from.parse().expect("an address"));
    tokio::spawn(async move {
        let service = service_fn(move |request| door.answer(request));
        let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(far), service).await;
    });
    Connection::over(near).send(&call).await
}

fn with(key: &str) -> Call {
    Call::get("/v1/models/none").header("x-api-key", key)
}

async fn guess(door: &Door, from: &str, n: usize) {
    for n in 0..n {
        assert_eq!(ask(door, from, with(&format!("guess-{n}"))).await.status, 401, "{from} {n}");
    }
}

super::attempts! {
    async fn sixth_guess() {
        let door = door();
        guess(&door, "203.0.113.7", 5).await;
        for key in ["guess-6", KEY] {
            let answer = ask(&door, "203.0.113.7", with(key)).await;
            assert_eq!(answer.status, 429, "{}", answer.text());
            let wait = answer.header("retry-after").and_then(|time| time.parse::<u64>().ok());
            assert!(wait.is_some_and(|wait| (1..=61).contains(&wait)), "{:?}", answer.headers);
            assert!(answer.text().contains("too many wrong API keys"), "{}", answer.text());
        }
        assert_eq!(ask(&door, "203.0.113.8", with(KEY)).await.status, 404);
    }

    async fn guesses_on_other_routes_and_frontends() {
        let door = door();
        for (n, call) in [
            Call::chat("{}"), Call::post("/v1/messages", "{}"), Call::post("/v1beta/models/a:m:generateContent", "{}"), Call::get("/v1/diagnostics"),
            Call::get("/v1/responses/none"),
        ].into_iter().enumerate() {
            assert_eq!(ask(&door, "203.0.113.7", call.bearer(&format!("guess-{n}"))).await.status, 401);
        }
        for call in [Call::chat("{}"), Call::post("/v1/messages", "{}"), Call::get("/v1/models"), Call::get("/v1/diagnostics")] {
            assert_eq!(ask(&door, "203.0.113.7", call.bearer(KEY)).await.status, 429);
        }
    }

    async fn many_guesses_in_one_request() {
        let door = door();
        let many = (0..50).fold(Call::get("/v1/models/none"), |call, n| call.header("x-api-key", &format!("guess-{n}")));
        assert_eq!(ask(&door, "203.0.113.7", many.header("x-api-key", KEY)).await.status, 401);
        assert_eq!(ask(&door, "203.0.113.7", with("guess")).await.status, 401);
        assert_eq!(ask(&door, "203.0.113.7", with(KEY)).await.status, 429);
    }

    async fn guesses_from_one_customer_s_many_addresses() {
        let door = door();
        for n in 0..5 {
            guess(&door, &format!("2001:db8:1:2:{n}::{n}"), 1).await;
        }
        assert_eq!(ask(&door, "2001:db8:1:2:ffff::1", with(KEY)).await.status, 429);
        assert_eq!(ask(&door, "2001:db8:1:3::1", with(KEY)).await.status, 404);
    }

    async fn guesser_that_claims_another_address() {
        let door = door();
        for n in 0..5 {
            let call = with(&format!("guess-{n}")).header("x-forwarded-for", &format!("198.51.100.{n}")).header("forwarded", "for=127.0.0.1");
            assert_eq!(ask(&door, "203.0.113.7", call).await.status, 401);
        }
        assert_eq!(ask(&door, "203.0.113.7", with(KEY).header("x-forwarded-for", "127.0.0.1")).await.status, 429);
    }

    async fn shutting_the_owner_out() {
        // Neither calls without a key nor this machine's own mistakes shut anybody out.
        let door = door();
        for _ in 0..20 {
            assert_eq!(ask(&door, "203.0.113.7", Call::get("/v1/models/none")).await.status, 401);
        }
        assert_eq!(ask(&door, "203.0.113.7", with(KEY)).await.status, 404);
        for own in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            guess(&door, own, 20).await;
            assert_eq!(ask(&door, own, with(KEY)).await.status, 404, "{own}");
        }
    }

    async fn diagnostics_from_another_machine() {
        let door = door();
        for (method, target, _) in super::scene::ROUTES.iter().filter(|(_, target, _)| target.contains("diagnostics")) {
            for further in [("accept", "*/*"), ("x-forwarded-for", "127.0.0.1"), ("host", "127.0.0.1"), ("x-lip-local", "1")] {
                let call = if *method == "POST" { Call::post(target, r#"{"model":"m","session":"s"}"#) } else { Call::get(target) };
                let answer = ask(&door, "203.0.113.7", call.bearer(KEY).header(further.0, further.1)).await;
                assert_eq!(answer.status, 403, "{target} {further:?}: {}", answer.text());
            }
        }
    }
}
