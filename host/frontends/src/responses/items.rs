//! Pages of the items that went into an answer. Source: OpenAI API reference, "List input items".
use super::remembered::Remembered;
use base::{Fault, Kind};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

const LIMIT_USUAL: usize = 20;
const LIMIT_MAX: usize = 100;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Ascending,
    Descending,
}

/// Which part of a list is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Page {
    after: Option<String>,
    limit: usize,
    order: Order,
}

impl Page {
    /// # Errors
    /// 400, with the parameter that has no such value.
    pub(super) fn of_query(query: &str) -> Result<Self, Fault> {
        let mut page = Self { after: None, limit: LIMIT_USUAL, order: Order::Descending };
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            match name {
                "after" => page.after = Some(value.to_owned()).filter(|id| !id.is_empty()),
                "limit" => {
                    let limit = value.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
                    page.limit = limit.ok_or_else(|| bad("limit", "a number from 1 to 100"))?;
                }
                "order" => {
                    page.order = match value {
                        "asc" => Order::Ascending,
                        "desc" => Order::Descending,
                        _ => return Err(bad("order", "asc or desc")),
                    }
                }
                _ => {}
            }
        }
        Ok(page)
    }
}

fn bad(name: &'static str, expected: &str) -> Fault {
    Fault::client(Kind::BadRequest, format!("{name}: expected {expected}")).code("invalid_value").param(name)
}

#[derive(Serialize)]
struct List<'a> {
    object: &'static str,
    data: Vec<&'a RawValue>,
    first_id: Option<&'a str>,
    last_id: Option<&'a str>,
    has_more: bool,
}

/// One page of what went into `answer`, as JSON.
///
/// # Errors
/// 400 when `after` names no item of it.
pub(super) fn list(answer: &Remembered, page: &Page) -> Result<String, Fault> {
    let mut items = Vec::new();
    for text in &answer.input {
        let joined = format!("[{}]", text.as_str());
        let raw: Vec<Box<RawValue>> = serde_json::from_str(&joined).unwrap_or_default();
        for item in raw {
            items.push(shown(item, &answer.id, items.len()));
        }
    }
    if page.order == Order::Descending {
        items.reverse();
    }
    let start = match &page.after {
        None => 0,
        Some(after) => {
            let at = items.iter().position(|(id, _)| id == after);
            at.ok_or_else(|| bad("after", "the id of an item of this response"))? + 1
        }
    };
    let rest = items.get(start..).unwrap_or_default();
    let part = rest.get(..page.limit).unwrap_or(rest);
    let list = List {
        object: "list",
        data: part.iter().map(|(_, item)| &**item).collect(),
        first_id: part.first().map(|(id, _)| &**id),
        last_id: part.last().map(|(id, _)| &**id),
        has_more: part.len() < rest.len(),
    };
    serde_json::to_string(&list).map_err(|e| Fault::host(Kind::Internal, "internal error").source(e))
}

/// An item with what the API always shows: an id, a type, and content in parts.
fn shown(item: Box<RawValue>, answer: &str, nth: usize) -> (String, Box<RawValue>) {
    // What is no JSON tree for us, such as half a surrogate pair, is shown as the client wrote it.
    let Ok(Value::Object(mut members)) = serde_json::from_str(item.get()) else {
        return (format!("item_{nth}"), item);
    };
    if !members.contains_key("type") && members.contains_key("role") {
        members.insert("type".to_owned(), "message".into());
    }
    let kind = members.get("type").and_then(Value::as_str).unwrap_or("item").to_owned();
    if let Some(Value::String(text)) = members.get("content")
        && kind == "message"
    {
        let from_model = members.get("role").is_some_and(|role| role == "assistant");
        let part = if from_model {
            json!({"type": "output_text", "text": text, "annotations": []})
        } else {
            json!({"type": "input_text", "text": text})
        };
        members.insert("content".to_owned(), json!([part]));
    }
    if kind == "message" {
        members.entry("status").or_insert_with(|| "completed".into());
    }
    let own = members.get("id").and_then(Value::as_str).map(str::to_owned);
    let id = own.unwrap_or_else(|| {
        let prefix = if kind == "message" { "msg" } else { &kind };
        let answer = answer.split_once('_').map_or(answer, |(_, rest)| rest);
        format!("{prefix}_{answer}_{nth}")
    });
    members.insert("id".to_owned(), id.as_str().into());
    let shown = to_raw_value(&members).unwrap_or(item);
    (id, shown)
}

#[cfg(test)]
mod tests {
    use super::super::remembered::{Meter, Text};
    use super::*;

    fn answer() -> Remembered {
        let meter = Meter::default();
        let first = r#"{"role":"user","content":"one"},{"type":"message","role":"assistant","id":"msg_a","content":[]}"#;
        let mut answer = Remembered::of("resp_7", first, "", &meter);
        answer.input.push(Text::new(r#"{"type":"function_call_output","call_id":"c","output":"\ud835"},{"role":"user","content":"two"}"#, &meter));
        answer
    }

    fn ids(query: &str) -> (Vec<String>, bool) {
        let page = Page::of_query(query).expect("a page");
        let list: Value =
            serde_json::from_str(&list(&answer(), &page).expect("a list").replace("\\ud835", "x"))
                .expect("JSON");
        assert_eq!(list["object"], "list");
        let ids: Vec<_> = list["data"]
            .as_array()
            .expect("items")
            .iter()
            .map(|item| item["id"].as_str().unwrap_or("item_2").to_owned())
            .collect();
        assert_eq!(list["first_id"].as_str(), ids.first().map(String::as_str));
        assert_eq!(list["last_id"].as_str(), ids.last().map(String::as_str));
        (ids, list["has_more"].as_bool().expect("a flag"))
    }

    #[test]
    fn pages_go_both_ways() {
        let all = ["msg_7_0", "msg_a", "item_2", "msg_7_3"];
        let check = |query, want: &[&str], more| {
            assert_eq!(ids(query), (want.iter().map(|s| (*s).to_owned()).collect(), more), "{query}")
        };
        check("order=asc", &all, false);
        check("", &["msg_7_3", "item_2", "msg_a", "msg_7_0"], false);
        check("order=asc&limit=2", &all[..2], true);
        check("order=asc&limit=2&after=msg_a", &all[2..], false);
        check("limit=1&after=msg_a", &["msg_7_0"], false);
        check("after=msg_7_0", &[], false);
    }

    #[test]
    fn bad_parameters_are_named() {
        for (query, name) in
            [("limit=0", "limit"), ("limit=101", "limit"), ("limit=x", "limit"), ("order=up", "order")]
        {
            assert_eq!(Page::of_query(query).expect_err("bad").param.as_deref(), Some(name));
        }
        let page = Page::of_query("after=nobody").expect("a page");
        assert_eq!(list(&answer(), &page).expect_err("bad").param.as_deref(), Some("after"));
    }

    #[test]
    fn shorthand_is_shown_in_full() {
        let raw = RawValue::from_string(r#"{"role":"user","content":"hi","x":1}"#.to_owned()).expect("JSON");
        let (_, item) = shown(raw, "resp_7", 0);
        let item: Value = serde_json::from_str(item.get()).expect("JSON");
        let content = json!([{"type": "input_text", "text": "hi"}]);
        assert_eq!(
            item,
            json!({"id": "msg_7_0", "type": "message", "role": "user", "content": content, "status": "completed", "x": 1})
        );
    }
}
