//! Responses that continue each other, over every kind of backend, and what is kept of them.
mod socket;

use serde_json::{Value, json};
use stage::{Answer, Call, Lip, LipBuilder, Recorded, Reply, Upstream};

/// A chat completion that says how many messages it was asked with.
fn counting(request: &Recorded) -> Reply {
    let body = request.json();
    let n = body["messages"].as_array().map_or(0, Vec::len);
    let answer = json!({"id": format!("chatcmpl-{n}"), "object": "chat.completion", "created": 1, "model": "m", "choices": [
        {"index": 0, "message": {"role": "assistant", "content": format!("heard {n}")}, "finish_reason": "stop"}
    ]});
    Reply::json(200, &answer.to_string())
}

fn message(id: &str, text: &str) -> Value {
    json!({"type": "message", "id": id, "role": "assistant", "status": "completed",
        "content": [{"type": "output_text", "text": text, "annotations": []}]})
}

/// A response object of an upstream of the same dialect, with `more` members.
fn object(id: &str, output: Value, more: Value) -> Value {
    let mut object = json!({"id": id, "object": "response", "created_at": 1, "status": "completed", "model": "m", "output": output});
    if let (Some(object), Value::Object(more)) = (object.as_object_mut(), more) {
        object.extend(more);
    }
    object
}

/// The events of a short stream that ends with `response`.
fn events(response: &Value) -> String {
    let delta = json!({"type": "response.output_text.delta", "sequence_number": 1, "item_id": "msg", "output_index": 0, "content_index": 0, "delta": "x"});
    let event = |name: &str, data: &Value| format!("event: {name}\ndata: {data}\n\n");
    let created = json!({"type": "response.created", "sequence_number": 0, "response": {"id": response["id"], "status": "in_progress", "output": []}});
    let completed = json!({"type": "response.completed", "sequence_number": 2, "response": response});
    [
        event("response.created", &created),
        event("response.output_text.delta", &delta),
        event("response.completed", &completed),
    ]
    .concat()
}

async fn native(upstream: &Upstream) -> Lip {
    native_with_keys(upstream, "").await
}

async fn native_with_keys(upstream: &Upstream, keys: &str) -> Lip {
    native_builder(upstream, keys).start().await
}

fn native_builder(upstream: &Upstream, keys: &str) -> LipBuilder {
    let builder =
        Lip::builder().env("OPENAI_API_KEY", "sk-upstream-key").env("OPENAI_API_BASE_URL", &upstream.url());
    let builder = if keys.is_empty() { builder } else { builder.env("API_KEYS", keys) };
    builder.args("--default-backend openai-responses")
}

fn create(body: impl AsRef<[u8]>) -> Call {
    Call::post("/v1/responses", body)
}

async fn created(lip: &Lip, body: &Value) -> Value {
    let answer = lip.send(create(body.to_string())).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

fn refused(answer: &Answer, status: u16) -> Value {
    assert_eq!(answer.status, status, "{}", answer.text());
    answer.error()
}

#[tokio::test]
async fn conversation_goes_on_over_a_backend_of_another_dialect() {
    let upstream = Upstream::by(counting).await;
    let lip = Lip::builder().openai(&upstream.url()).start().await;
    let first = created(&lip, &json!({"model": "m", "input": "one", "instructions": "be brief"})).await;
    assert_eq!(first["output"][0]["content"][0]["text"], "heard 2");
    let second = json!({"model": "m", "input": [{"role": "user", "content": "two"}], "previous_response_id": first["id"]});
    let second = created(&lip, &second).await;
    let third = json!({"model": "m", "input": "three", "previous_response_id": second["id"], "instructions": "be long"});
    created(&lip, &third).await;
    let messages = upstream.last().json()["messages"].clone();
    let said: Vec<_> =
        messages.as_array().expect("messages").iter().map(|m| (&m["role"], &m["content"])).collect();
    let words = ["be long", "one", "heard 2", "two", "heard 4", "three"].map(Value::from);
    let roles = ["system", "user", "assistant", "user", "assistant", "user"].map(Value::from);
    assert_eq!(said, roles.iter().zip(&words).collect::<Vec<_>>(), "{messages}");
    // The second turn had no instructions of its own.
    assert_eq!(upstream.requests()[1].json()["messages"][0]["content"], "be brief");
}

#[tokio::test]
async fn command_of_an_earlier_turn_stays_hidden() {
    let upstream = Upstream::by(counting).await;
    let lip = Lip::builder().openai(&upstream.url()).start().await;
    let told = created(&lip, &json!({"model": "m", "input": "!/hello"})).await;
    assert!(upstream.requests().is_empty());
    let second =
        created(&lip, &json!({"model": "m", "input": "one", "previous_response_id": told["id"]})).await;
    created(&lip, &json!({"model": "m", "input": "two", "previous_response_id": second["id"]})).await;
    let messages = upstream.last().json()["messages"].clone();
    let said: Vec<_> = messages.as_array().expect("messages").iter().map(|m| &m["content"]).collect();
    assert_eq!(said, ["one", "heard 1", "two"]);
}

#[tokio::test]
async fn answer_that_the_upstream_has_stored_is_left_to_it() {
    let stored = object("resp_up", json!([message("msg_1", "hi")]), json!({"store": true}));
    let upstream = Upstream::always(Reply::json(200, &stored.to_string())).await;
    let lip = native(&upstream).await;
    created(&lip, &json!({"model": "m", "input": "one"})).await;
    let body = r#"{ "model":"m","previous_response_id":"resp_up", "input":"two" , "x":1e400}"#;
    assert_eq!(lip.send(create(body)).await.status, 200);
    assert_eq!(upstream.last().body, body.as_bytes());
}

#[tokio::test]
async fn answer_that_the_upstream_may_not_have_stored_is_written_out() {
    let reasoning = |more: Value| {
        let mut item = json!({"type": "reasoning", "id": "rs", "summary": []});
        item.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        item
    };
    for (asks, answers) in [(json!({}), json!({})), (json!({"store": false}), json!({"store": false}))] {
        let kept = [reasoning(json!({"encrypted_content": "abc"})), message("msg_1", "hi")];
        let output = json!([reasoning(json!({})), kept[0], kept[1]]);
        let first = object("resp_up", output, answers);
        let upstream = Upstream::always(Reply::json(200, &first.to_string())).await;
        let lip = native(&upstream).await;
        let mut body = json!({"model": "m", "input": "one"});
        body.as_object_mut().expect("an object").extend(asks.as_object().expect("an object").clone());
        created(&lip, &body).await;
        created(&lip, &json!({"model": "m", "input": "two", "previous_response_id": "resp_up"})).await;
        let sent = upstream.last().json();
        let user = |text: &str| json!({"type": "message", "role": "user", "content": text});
        assert_eq!(sent, json!({"model": "m", "input": [user("one"), kept[0], kept[1], user("two")]}));
        let visible = if asks.get("store").is_some() { 404 } else { 200 };
        assert_eq!(lip.send(Call::get("/v1/responses/resp_up")).await.status, visible, "{asks}");
    }
}

#[tokio::test]
async fn unknown_answer_is_the_upstreams_affair_or_an_error() {
    let unknown = r#"{"error":{"message":"no such response","type":"invalid_request_error","param":"previous_response_id","code":"previous_response_not_found"}}"#;
    let upstream = Upstream::always(Reply::json(400, unknown)).await;
    let lip = native(&upstream).await;
    let body = r#"{"model":"m","input":"x","previous_response_id":"resp_other"}"#;
    let answer = lip.send(create(body)).await;
    assert_eq!((answer.status, answer.text().as_str()), (400, unknown));
    assert_eq!(upstream.last().body, body.as_bytes());

    let upstream = Upstream::by(counting).await;
    let lip = Lip::builder().openai(&upstream.url()).start().await;
    let error = refused(&lip.send(create(body)).await, 400);
    assert_eq!(error["code"], "previous_response_not_found");
    assert_eq!(error["param"], "previous_response_id");
    let error =
        refused(&lip.send(create(r#"{"model":"m","input":"x","previous_response_id":7}"#)).await, 400);
    assert_eq!(error["param"], "previous_response_id");
    assert!(upstream.requests().is_empty());
}

#[tokio::test]
async fn callers_do_not_reach_each_others_answers() {
    let stored = object("resp_up", json!([message("msg_1", "hi")]), json!({"store": true}));
    let upstream = Upstream::always(Reply::json(200, &stored.to_string())).await;
    let lip = native_with_keys(&upstream, "k-alice,k-bob").await;
    assert_eq!(lip.send(create(r#"{"model":"m","input":"secret"}"#).bearer("k-alice")).await.status, 200);
    let continuing = || create(r#"{"model":"m","input":"and?","previous_response_id":"resp_up"}"#);
    for path in ["", "/input_items"] {
        let call = |key: &str| Call::get(&format!("/v1/responses/resp_up{path}")).bearer(key);
        assert_eq!(lip.send(call("k-alice")).await.status, 200);
        refused(&lip.send(call("k-bob")).await, 404);
        refused(&lip.send(Call::get("/v1/responses/resp_up")).await, 401);
    }
    refused(&lip.send(Call::new("DELETE", "/v1/responses/resp_up").bearer("k-bob")).await, 404);
    let error = refused(&lip.send(continuing().bearer("k-bob")).await, 400);
    assert_eq!(error["code"], "previous_response_not_found");
    assert_eq!(
        upstream.requests().len(),
        1,
        "the upstream does not tell clients apart: it must not be asked"
    );
    assert_eq!(lip.send(continuing().bearer("k-alice")).await.status, 200);
}

#[tokio::test]
async fn stored_answer_is_fetched_listed_and_deleted() {
    let body = r#"{ "id":"resp_1","object":"response","output":[],"note":"\ud835", "n":1e400 }"#;
    let upstream = Upstream::always(Reply::json(200, body)).await;
    let lip = native(&upstream).await;
    let input = json!([{"role": "user", "content": "one"}, {"type": "message", "id": "msg_2", "role": "user", "content": []}]);
    lip.send(create(json!({"model": "m", "input": input}).to_string())).await;
    let fetched = lip.send(Call::get("/v1/responses/resp_1")).await;
    assert_eq!((fetched.status, fetched.text().as_str()), (200, body));
    refused(&lip.send(Call::get("/v1/responses/resp_1?stream=true")).await, 400);

    let list = lip.send(Call::get("/v1/responses/resp_1/input_items?order=asc&limit=1")).await.json();
    assert_eq!(
        (&list["object"], &list["has_more"], &list["last_id"]),
        (&json!("list"), &json!(true), &list["data"][0]["id"])
    );
    assert_eq!(list["data"][0]["content"], json!([{"type": "input_text", "text": "one"}]));
    let after = list["last_id"].as_str().expect("an id");
    let list = lip
        .send(Call::get(&format!("/v1/responses/resp_1/input_items?order=asc&after={after}")))
        .await
        .json();
    assert_eq!((&list["data"][0]["id"], &list["has_more"]), (&json!("msg_2"), &json!(false)));
    let error = refused(&lip.send(Call::get("/v1/responses/resp_1/input_items?limit=0")).await, 400);
    assert_eq!(error["param"], "limit");

    refused(&lip.send(Call::new("POST", "/v1/responses/resp_1/cancel")).await, 400);
    refused(&lip.send(Call::new("POST", "/v1/responses/resp_2/cancel")).await, 404);
    let deleted = lip.send(Call::new("DELETE", "/v1/responses/resp_1")).await;
    assert_eq!(deleted.json(), json!({"id": "resp_1", "object": "response", "deleted": true}));
    for call in [Call::get("/v1/responses/resp_1"), Call::new("DELETE", "/v1/responses/resp_1")] {
        refused(&lip.send(call).await, 404);
    }
}

#[tokio::test]
async fn background_is_refused_with_a_reason() {
    let upstream = Upstream::by(counting).await;
    let lip = Lip::builder().openai(&upstream.url()).start().await;
    let error = refused(&lip.send(create(r#"{"model":"m","input":"x","background":true}"#)).await, 400);
    assert_eq!(error["param"], "background");
    assert!(upstream.requests().is_empty());
    assert_eq!(lip.send(create(r#"{"model":"m","input":"x","background":false}"#)).await.status, 200);
}

#[tokio::test]
async fn stream_is_remembered_once_it_is_complete() {
    let response = object("resp_s", json!([message("msg_1", "x")]), json!({}));
    let whole = events(&response);
    let cut =
        whole.split("event: response.completed").next().expect("a beginning").replace("resp_s", "resp_cut");
    for reply in [Reply::events().send(&whole).end(), Reply::events().send_bytewise(&whole).end()] {
        let upstream = Upstream::in_turn(vec![reply, Reply::events().send(&cut).end()]).await;
        let lip = native(&upstream).await;
        let streamed = lip.send(create(r#"{"model":"m","input":"x","stream":true}"#)).await;
        assert_eq!(streamed.text(), whole);
        assert_eq!(lip.send(Call::get("/v1/responses/resp_s")).await.json(), response);
        let broken = lip.send(create(r#"{"model":"m","input":"x","stream":true}"#)).await;
        assert!(
            broken.text().starts_with(&cut) && broken.text().contains("upstream_cut"),
            "{}",
            broken.text()
        );
        refused(&lip.send(Call::get("/v1/responses/resp_cut")).await, 404);
    }
}
