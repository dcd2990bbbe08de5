use super::{Object, edit_elements};
use serde_json::Value;

const BODY: &str = " { \"a\" : 1e2 ,\"b\":[1, {\"a\":2}]\n, \"c\\u0064\": \"x,}\" } \n";

fn edited(text: &str, edit: impl FnOnce(&mut Object<'_>)) -> Option<String> {
    let mut object = Object::read(text).expect("an object");
    edit(&mut object);
    object.write()
}

#[test]
fn no_edit_is_no_change() {
    assert_eq!(edited(BODY, |_| {}), None);
    assert_eq!(edited(BODY, |o| o.set("a", "1e2".to_owned())), None);
    assert_eq!(edited(BODY, |o| (o.remove("z"), o.rename("z", "y"), o.set_default("b", 1)).2), None);
}

#[test]
fn edits_keep_all_other_bytes() {
    type Edit = fn(&mut Object<'_>);
    let cases: [(Edit, &str); 8] = [
        (|o| o.set("a", "2".to_owned()), " { \"a\" : 2 ,\"b\":[1, {\"a\":2}]\n, \"c\\u0064\": \"x,}\" } \n"),
        (|o| o.remove("a"), " {\"b\":[1, {\"a\":2}]\n, \"c\\u0064\": \"x,}\" } \n"),
        (|o| o.remove("b"), " { \"a\" : 1e2\n, \"c\\u0064\": \"x,}\" } \n"),
        (|o| o.remove("cd"), " { \"a\" : 1e2 ,\"b\":[1, {\"a\":2}] } \n"),
        (|o| o.rename("cd", "e\"f"), " { \"a\" : 1e2 ,\"b\":[1, {\"a\":2}]\n, \"e\\\"f\": \"x,}\" } \n"),
        (|o| o.rename("a", "b"), " {\"b\":[1, {\"a\":2}]\n, \"c\\u0064\": \"x,}\" } \n"),
        (
            |o| o.set_default("d", true),
            " { \"a\" : 1e2 ,\"b\":[1, {\"a\":2}]\n, \"c\\u0064\": \"x,}\",\"d\":true } \n",
        ),
        (|o| ["a", "b", "cd"].iter().for_each(|k| o.remove(k)), " { } \n"),
    ];
    for (edit, want) in cases {
        assert_eq!(edited(BODY, edit).as_deref(), Some(want));
    }
}

#[test]
fn every_subset_of_removals_and_an_addition_is_valid() {
    let keys = ["a", "b", "cd"];
    for set in 0..8_u8 {
        let gone: Vec<&str> =
            keys.iter().enumerate().filter(|(n, _)| set >> n & 1 == 1).map(|(_, k)| *k).collect();
        let text = edited(BODY, |o| {
            gone.iter().for_each(|key| o.remove(key));
            o.set("new", "null".to_owned());
        });
        let mut want: Value = serde_json::from_str(BODY).expect("JSON");
        let object = want.as_object_mut().expect("an object");
        gone.iter().for_each(|key| drop(object.remove(*key)));
        object.insert("new".to_owned(), Value::Null);
        let got: Value = serde_json::from_str(&text.expect("a change")).expect("JSON");
        assert_eq!(got, want, "without {gone:?}");
    }
}

#[test]
fn edits_see_earlier_edits() {
    let text = edited("{}", |o| {
        o.set("a", "1".to_owned());
        o.set("a", "2".to_owned());
        o.set("b", "3".to_owned());
        o.remove("b");
        assert_eq!((o.get("a"), o.get("b")), (Some("2"), None));
    });
    assert_eq!(text.as_deref(), Some("{\"a\":2}"));
    let text = edited("{\"a\":1,\"a\":2}", |o| {
        o.rename("a", "b");
        assert_eq!((o.get("a"), o.get("b")), (None, Some("2")));
        o.remove("b");
    });
    assert_eq!(text.as_deref(), Some("{}"));
}

#[test]
fn other_json_is_no_object() {
    let deep = "[".repeat(100_000);
    for text in ["", "{", "[]", "7", "null", "{\"a\"}", "{\"a\":}", "{\"a\":1", deep.as_str()] {
        assert!(Object::read(text).is_none(), "{}", text.len());
    }
    assert!(Object::read("{\"\\ud800\": 1}").is_some_and(|o| o.write().is_none()));
}

#[test]
fn elements_change_in_place() {
    let text = " [ {\"r\":1} , 2,\n[3] ] ";
    let one = |from: &'static str, to: &'static str| {
        edit_elements(text, move |e| (e == from).then(|| to.to_owned()))
    };
    assert_eq!(one("2", "two").as_deref(), Some(" [ {\"r\":1} , two,\n[3] ] "));
    assert_eq!(one("[3]", "").as_deref(), Some(" [ {\"r\":1} , 2,\n ] "));
    assert_eq!(one("9", ""), None);
    assert_eq!(edit_elements("{}", |_| Some(String::new())), None);
}

#[test]
fn retain_takes_own_and_added_members() {
    let text = edited("{\"a\":1, \"b\":2,\"c\":3}", |o| {
        o.set("d", "4".to_owned());
        o.set("e", "5".to_owned());
        o.rename("a", "z");
        o.retain(|key| ["z", "c", "e"].contains(&key));
    });
    assert_eq!(text.as_deref(), Some("{\"z\":1,\"c\":3,\"e\":5}"));
    assert_eq!(edited(BODY, |o| o.retain(|_| true)), None);
}
