//! The lens against serde_json as the oracle, on random and on mutated documents.
use bytes::Bytes;
use lip_wire::{
    Dialect,
    lens::{self, Field, LensError},
};
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Map, Value};

const KEYS: [&str; 14] = [
    "model",
    "stream",
    "messages",
    "input",
    "contents",
    "stream_options",
    "temperature",
    "metadata",
    "role",
    "content",
    "generationConfig",
    "generation_config",
    "x",
    "é\n\"",
];

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<i32>().prop_map(|n| Value::from(f64::from(n) / 8.0)),
        "[ -~é日🦀\\n\\\\\"]{0,40}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            vec((select(&KEYS[..]), inner), 0..5)
                .prop_map(|kv| kv.into_iter().map(|(k, v)| (k.to_owned(), v)).collect::<Map<_, _>>())
                .prop_map(Value::from),
        ]
    })
}

/// A request that every dialect can read: owned fields of the right type among unknown ones.
fn request() -> impl Strategy<Value = Value> {
    let object = vec((select(&KEYS[..]), value()), 0..4)
        .prop_map(|kv| Value::from(kv.into_iter().map(|(k, v)| (k.to_owned(), v)).collect::<Map<_, _>>()));
    let message =
        (select(vec!["user", "assistant", "tool"]), "[ -~é🦀\\n\"]{0,30}", value(), vec(object, 0..3))
            .prop_map(|(role, content, unknown, more)| {
                let mut parts = vec![serde_json::json!({"text": "p"})];
                parts.extend(more);
                serde_json::json!({"role": role, "content": content, "x": unknown, "parts": parts})
            });
    let fields = vec((select(&KEYS[..]), value()), 0..8);
    (fields, "[ -~é]{0,12}", vec(message, 0..5), any::<u16>()).prop_map(|(fields, model, messages, have)| {
        let mut map: Map<String, Value> = fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
        let mut put = |bit: u16, name: &str, value: Value| {
            map.remove(name);
            if have & (1 << bit) != 0 {
                map.insert(name.to_owned(), value);
            }
        };
        put(0, "model", model.into());
        put(1, "stream", (have & 256 != 0).into());
        for name in ["messages", "input", "contents"] {
            put(2, name, messages.clone().into());
        }
        // Gemini takes a single object for a list of one.
        if let (true, [single]) = (have & 512 != 0, messages.as_slice()) {
            put(2, "contents", single.clone());
        }
        put(3, "stream_options", serde_json::json!({"include_usage": true, "y": 1}));
        put(4, "temperature", 0.5.into());
        put(5, "generationConfig", serde_json::json!({"z": 2, "topP": 1, "temperature": 1}));
        put(6, "metadata", serde_json::json!({"x": [], "user_id": "u"}));
        put(15, "generation_config", Value::Null);
        if map.contains_key("generationConfig") {
            map.remove("generation_config");
        }
        Value::Object(map)
    })
}

/// Writes a document with white space after every structural byte, chosen by `space`.
fn spaced(value: &Value, space: &str) -> String {
    let text = value.to_string();
    let (mut out, mut in_string, mut escaped) = (String::new(), false, false);
    for c in text.chars() {
        out.push(c);
        if in_string {
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
        } else if c == '"' {
            in_string = true;
        } else if "{}[],:".contains(c) {
            out.push_str(space);
        }
    }
    out
}

fn dialects() -> impl Strategy<Value = Dialect> {
    select(Dialect::ALL.to_vec())
}

#[derive(Clone, Debug)]
enum Edit {
    Set(Field, Value),
    Remove(Field),
    RemoveMessage(usize),
    ReplaceText(usize, String),
}

fn edit() -> impl Strategy<Value = Edit> {
    let fields = vec![
        Field::Model,
        Field::Stream,
        Field::StreamOptions,
        Field::IncludeUsage,
        Field::Options,
        Field::Temperature,
        Field::TopP,
        Field::Metadata,
        Field::MetadataUserId,
    ];
    prop_oneof![
        (select(fields.clone()), value()).prop_map(|(f, v)| Edit::Set(f, v)),
        select(fields).prop_map(Edit::Remove),
        (0usize..5).prop_map(Edit::RemoveMessage),
        (0usize..5, "[ -~é\"\\\\\\n]{0,9}").prop_map(|(i, s)| Edit::ReplaceText(i, s)),
    ]
}

/// The same edits on the tree.
fn expected(dialect: Dialect, doc: &Value, edits: &[Edit]) -> Value {
    let mut doc = doc.clone();
    let snake = doc.get("generation_config").is_some();
    let last = |field: Field| {
        let mine = edits.iter().rev().find_map(|e| match e {
            Edit::Set(f, v) if *f == field => Some(Some(v.clone())),
            Edit::Remove(f) if *f == field => Some(None),
            _ => None,
        });
        mine.filter(|_| field.path(dialect).is_some())
    };
    let fields: std::collections::BTreeMap<String, (Field, Option<Value>)> = edits
        .iter()
        .filter_map(|e| match e {
            Edit::Set(f, _) | Edit::Remove(f) => Some(*f),
            _ => None,
        })
        .filter_map(|f| Some((f.path(dialect)?, (f, last(f)?))))
        .collect();
    for (path, (_, value)) in &fields {
        let names: Vec<&str> = path.split('.').collect();
        let name = |n: &str| {
            if snake && n == "generationConfig" { "generation_config".to_owned() } else { n.to_owned() }
        };
        let (top, nested) = (name(names[0]), names.get(1));
        let Value::Object(map) = &mut doc else { continue };
        match (nested, value) {
            (None, Some(v)) => drop(map.insert(top, v.clone())),
            (None, None) => drop(map.remove(&top)),
            (Some(_), _) if fields.contains_key(names[0]) => {}
            (Some(n), Some(v)) => {
                let slot = map.entry(top).or_insert(Value::Null);
                if !slot.is_object() {
                    *slot = Value::Object(Map::new());
                }
                slot[*n] = v.clone();
            }
            (Some(n), None) => {
                if let Some(Value::Object(inner)) = map.get_mut(&top) {
                    inner.remove(*n);
                }
            }
        }
    }
    edit_messages(dialect, &mut doc, edits);
    doc
}

fn edit_messages(dialect: Dialect, doc: &mut Value, edits: &[Edit]) {
    let list = match dialect {
        Dialect::OpenAiResponses => "input",
        Dialect::Gemini => "contents",
        Dialect::Lip => "turns",
        _ => "messages",
    };
    let text = if dialect == Dialect::Gemini { "parts" } else { "content" };
    let Some(value) = doc.get_mut(list) else { return };
    let mut single = value.is_object().then(|| vec![value.clone()]);
    let Some(messages) = single.as_mut().or(value.as_array_mut()) else { return };
    for e in edits {
        if let Edit::ReplaceText(i, s) = e
            && let Some(m) = messages.get_mut(*i)
            && m["role"] != "tool"
        {
            match &mut m[text] {
                Value::Array(parts) if dialect == Dialect::Gemini => parts[0]["text"] = s.as_str().into(),
                content @ Value::String(_) => *content = s.as_str().into(),
                _ => {}
            }
        }
    }
    let mut index = 0;
    messages.retain(|_| {
        index += 1;
        !edits.iter().any(|e| matches!(e, Edit::RemoveMessage(i) if *i == index - 1))
    });
    if let Some(mut messages) = single {
        *value = messages.pop().unwrap_or_else(|| Value::Array(Vec::new()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn any_bytes_get_an_answer(body in vec(any::<u8>(), 0..200), dialect in dialects()) {
        let _ = lens::scan(dialect, &Bytes::from(body));
    }

    #[test]
    fn json_like_text_is_judged_as_serde_does(
        body in "[{}\\[\\]:,\" a0-9.eE+\\-\\\\untfalsr\\n]{0,24}", dialect in dialects()
    ) {
        judged_alike(dialect, &format!("{{\"k\":{body}}}"))?;
        judged_alike(dialect, &body)?;
    }

    #[test]
    fn mutated_documents_are_judged_as_serde_does(
        doc in request(), at in any::<prop::sample::Index>(), byte in any::<u8>(), kind in 0..3u8, dialect in dialects()
    ) {
        let mut bytes = spaced(&doc, " ").into_bytes();
        let at = at.index(bytes.len());
        match kind {
            0 => bytes[at] = byte,
            1 => drop(bytes.remove(at)),
            _ => bytes.truncate(at),
        }
        match String::from_utf8(bytes) {
            Ok(text) => judged_alike(dialect, &text)?,
            Err(e) => prop_assert!(lens::scan(dialect, &Bytes::from(e.into_bytes())).is_err()),
        }
    }

    #[test]
    fn splices_mean_what_the_same_edits_on_a_tree_mean(
        doc in request(), edits in vec(edit(), 0..7), space in "[ \\n\\t]{0,2}", dialect in dialects()
    ) {
        let text = spaced(&doc, &space);
        let lens = lens::scan(dialect, &Bytes::from(text.clone())).unwrap();
        let mut list = lens.edits();
        let mut done = Vec::new();
        for edit in edits {
            let ok = match &edit {
                Edit::Set(f, v) => list.set(*f, v.clone()).is_ok(),
                Edit::Remove(f) => list.remove(*f).is_ok(),
                Edit::RemoveMessage(i) => { list.remove_message(*i); true }
                // One replacement a message: two would overlap.
                Edit::ReplaceText(i, s) if !done.iter().any(|d| matches!(d, Edit::ReplaceText(j, _) if i == j)) => {
                    // Parts other than the whole text are for the table tests.
                    match lens.user_text(*i).parts.as_slice() {
                        [part] if dialect == Dialect::Gemini || lens.messages()[*i].content == Some(part.raw) => {
                            list.replace_text(part, s);
                            true
                        }
                        _ => false,
                    }
                }
                Edit::ReplaceText(..) => false,
            };
            if ok { done.push(edit); }
        }
        let spliced = lens.splice(&list);
        let got: Value = serde_json::from_slice(&spliced).unwrap();
        prop_assert_eq!(got, expected(dialect, &doc, &done), "{}", text);
        if list.is_empty() {
            prop_assert_eq!(spliced.as_ptr(), lens.body().as_ptr());
        }
    }

    #[test]
    fn one_edit_leaves_every_other_byte(doc in request(), model in "[ -~]{0,9}", space in "[ \\n]{0,3}") {
        let text = spaced(&doc, &space);
        let lens = lens::scan(Dialect::OpenAiChat, &Bytes::from(text.clone())).unwrap();
        let mut edits = lens.edits();
        edits.set_model(&model).unwrap();
        let spliced = lens.splice(&edits);
        if let Some(span) = lens.span(Field::Model) {
            prop_assert!(spliced.starts_with(&text.as_bytes()[..span.start]));
            prop_assert!(spliced.ends_with(&text.as_bytes()[span.end..]));
        } else {
            prop_assert!(spliced.ends_with(&text.as_bytes()[1..]));
        }
    }
}

/// The documented differences are the only ones: top level an object, owned fields, depth, byte order mark.
fn judged_alike(dialect: Dialect, text: &str) -> Result<(), TestCaseError> {
    let ours = lens::scan(dialect, &Bytes::copy_from_slice(text.as_bytes()));
    let oracle = serde_json::from_str::<serde::de::IgnoredAny>(text);
    match ours {
        Ok(_) => prop_assert!(oracle.is_ok(), "we took {text}: {oracle:?}"),
        Err(LensError::Syntax { .. } | LensError::Empty | LensError::ByteOrderMark) => {
            prop_assert!(oracle.is_err(), "we refused {text}: {ours:?}");
        }
        Err(_) => {}
    }
    Ok(())
}
