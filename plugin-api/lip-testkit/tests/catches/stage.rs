//! What a stage does: its clock, its values, its replies.
use crate::acme::{BASE, MANIFEST, get, post};
use crate::connector;
use lip_plugin::{Connector, Create, Ctx, Model, Result, Turn, Value};
use lip_testkit::{Reply, Stage};

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
