//! What our own reader takes, serde_json takes too and as the same value; what is sound, our own reader takes.
use proptest::prelude::*;

use super::{Odd, read};
use crate::{
    canon::{Fields, Json, Words},
    codec::{Count, Id, Put, Raw, Said, Str, StrOrSeq, Whole, Wtf8, json_object},
};

json_object! {
    /// Every kind of field that a wire type has.
    struct Any<'a> {
        "text" => text: Str<'a>,
        "wtf8" => wtf8: Wtf8<'a>,
        "said" => said: Said<'a>,
        "id" => id: Id<'a>,
        "count" => count: Count,
        "int" => int: i64,
        "small" => small: u32,
        "float" => float: f64,
        "flag" => flag: bool,
        "raw" => raw: Raw<'a>,
        "json" => json: Json,
        "fields" => fields: Fields,
        "bytes" => bytes: Vec<u8>,
        "inner" => inner: Box<Any<'a>>,
        "whole" => whole: Whole<'a, Any<'a>>,
        "parts" => parts: StrOrSeq<'a, Whole<'a, Any<'a>>>,
    }
}

/// Everything that it says, however it was read.
fn told(any: Any<'_>) -> String {
    let whole = |whole: Whole<'_, Any<'_>>| {
        let raw = whole.raw();
        format!("{raw:?}={:?}", whole.read().map(told))
    };
    let plain = (any.text, any.wtf8, any.id, any.count, any.int, any.small, any.float.map(f64::to_bits));
    let said = any.said.clone().map(Said::into_wtf8);
    let words = any.said.map(Said::into_words).map(written);
    let parts = any.parts.map(|parts| match parts {
        StrOrSeq::Str(text) => written(text.into_words()),
        StrOrSeq::Seq(list) => list.into_iter().map(whole).collect(),
    });
    let rest = (any.flag, any.raw, any.json, any.fields, any.bytes, any.rest);
    format!(
        "{plain:?}{said:?}{words:?}{parts:?}{:?}{:?}{rest:?}",
        any.whole.map(whole),
        any.inner.map(|any| told(*any))
    )
}

/// The text, after it has been written and was read by a reader that takes no half of a surrogate pair.
fn written(words: Words) -> String {
    let mut out = Vec::new();
    words.put(&mut out);
    let text: String = serde_json::from_slice(&out).unwrap_or_else(|error| panic!("{out:?}: {error}"));
    assert_eq!(words, text);
    text
}

/// Compares both readers; says whether ours took it.
fn check(text: &str) -> bool {
    let ours = read::<Any<'_>>(text);
    let theirs = serde_json::from_str::<Any<'_>>(text);
    let raw = read::<Raw<'_>>(text);
    if let Ok(raw) = raw {
        assert_eq!(Some(raw), serde_json::from_str(text).ok(), "{text}");
    }
    match ours {
        Err(_) => false,
        Ok(ours) => {
            let theirs = theirs.unwrap_or_else(|error| panic!("{text}: only ours takes it: {error}"));
            assert_eq!(told(ours), told(theirs), "{text}");
            true
        }
    }
}

/// Texts as JSON spells them, lone surrogates included.
fn literal() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-z é🦀]{0,24}",
        2 => prop::sample::select(vec![r"\n", r"\t", r#"\""#, r"\\", r"\/", r"\b", r"\f", r"\r", r"\u0041", r"\u00e9", r"\u0000"]).prop_map(str::to_owned),
        1 => prop::sample::select(vec![r"\ud83e\udd80", r"\ud83e", r"\udd80", r"\uD835\uDC00", r"\ud83e\ud83e\udd80"]).prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<i64>().prop_map(|n| n.to_string()),
        any::<u64>().prop_map(|n| n.to_string()),
        any::<f64>()
            .prop_filter("json has no others", |n| n.is_finite())
            .prop_map(|n| serde_json::to_string(&n).expect("a number")),
        prop::sample::select(vec![
            "0",
            "-0",
            "-0.0",
            "12.0",
            "1e3",
            "1E-400",
            "18446744073709551616",
            "9223372036854775808",
            "-9223372036854775809",
            "0.1e1",
            "255",
            "4294967296"
        ])
        .prop_map(str::to_owned),
    ]
}

fn value() -> impl Strategy<Value = String> {
    let space = || prop::sample::select(vec!["", " ", "\n\t"]);
    let key = || {
        let known = prop::sample::select(vec![
            "text",
            "wtf8",
            "said",
            "id",
            "count",
            "int",
            "small",
            "float",
            "flag",
            "raw",
            "json",
            "fields",
            "bytes",
            "inner",
            "whole",
            "parts",
            "r\\u0061w",
            "other",
        ]);
        known.prop_map(|name| format!("\"{name}\""))
    };
    let leaf = prop_oneof![
        4 => literal(),
        3 => number(),
        1 => prop::sample::select(vec!["null", "true", "false", "[]", "{}", "[1,2,255]"]).prop_map(str::to_owned),
    ];
    leaf.prop_recursive(5, 64, 6, move |inner| {
        let member = (key(), space(), inner.clone()).prop_map(|(key, space, value)| format!("{key}{space}:{space}{value}"));
        prop_oneof![
            3 => (prop::collection::vec(member, 0..6), space()).prop_map(|(members, space)| format!("{{{space}{}{space}}}", members.join(&format!("{space},{space}")))),
            1 => (prop::collection::vec(inner, 0..5), space()).prop_map(|(items, space)| format!("[{space}{}{space}]", items.join(&format!(",{space}")))),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, ..ProptestConfig::default() })]

    #[test]
    fn json_is_read_as_serde_json_reads_it(text in value()) {
        check(&text);
        prop_assert!(read::<Raw<'_>>(&text).is_ok());
    }

    #[test]
    fn damaged_json_is_never_taken_alone(text in value(), at in any::<prop::sample::Index>(), byte in prop::sample::select(b"\"\\{}[]:,0-.eE \x00\x1fun".to_vec())) {
        let mut damaged = text.into_bytes();
        let at = at.index(damaged.len().max(1));
        if let Some(place) = damaged.get_mut(at) {
            *place = byte;
        }
        if let Ok(text) = std::str::from_utf8(&damaged) {
            check(text);
        }
    }

    #[test]
    fn noise_is_never_taken_alone(text in "[\\[\\]{}:,\"\\\\nulltrefas0-9.eE \\x00-\\x1f+-]{0,40}") {
        check(&text);
    }
}

#[test]
fn what_is_sound_is_read_here() {
    for text in [
        r#"{}"#,
        r#" {"text":"a\u00e9","said":"\ud83e","int":-3,"float":1.5,"count":2.0,"id":7,"flag":true,"raw":[{}],"inner":{"x":null}} "#,
        r#"{"whole":{"int":"no number"},"parts":[{"text":"a"},5,null,{"parts":"b\n"}]}"#,
        r#"{"json":{"a":[1]},"fields":{"b":1e400},"bytes":[0,255],"text":null}"#,
    ] {
        assert!(check(text), "{text}");
    }
}

#[test]
fn what_is_not_is_left_to_serde_json() {
    for (text, odd) in [
        (r#"{"int":"1"}"#, Odd::Unfit),
        (r#"{"small":4294967296}"#, Odd::Unfit),
        (r#"{"id":"\ud83e"}"#, Odd::Unfit),
        (r#"{"text":"a"#, Odd::Broken),
        (r#"{"text":"a"},"#, Odd::Broken),
        (r#"{"text":"a",}"#, Odd::Broken),
        (r#"{"inner":{"text":"a"]}"#, Odd::Broken),
        (r#"{"whole":{"text":"a"]}"#, Odd::Broken),
        ("{\"text\":\"a\nb\"}", Odd::Broken),
    ] {
        assert_eq!(read::<Any<'_>>(text).err(), Some(odd), "{text}");
        check(text);
    }
    let deep = format!("{}{}{}", r#"{"inner":"#.repeat(110), "{}", "}".repeat(110));
    assert_eq!(read::<Any<'_>>(&deep).err(), Some(Odd::Broken));
}

#[test]
fn hostile_nesting_takes_one_pass_per_level_at_most() {
    // Each level is read, found unfit at its end, and skipped again by the one around it.
    let levels = 90;
    let text = format!("{}{}{}", r#"{"whole":"#.repeat(levels), "{}", r#","int":"x"}"#.repeat(levels));
    assert!(read::<Whole<'_, Any<'_>>>(&text).is_ok());
}
