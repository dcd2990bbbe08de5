//! The selector corpus, and selectors of any shape printed and read back.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
use proptest::{prelude::*, test_runner::RngSeed};
use routing::selector::{Parsed, Selector};
use serde::Deserialize;

#[derive(Deserialize)]
struct Corpus {
    ok: Vec<Readable>,
    err: Vec<Wrong>,
}

#[derive(Deserialize)]
struct Readable {
    text: String,
    show: Option<String>,
    kind: Option<String>,
    #[serde(default)]
    warnings: usize,
    backend: Option<String>,
    model: Option<String>,
}

#[derive(Deserialize)]
struct Wrong {
    text: String,
    code: String,
    column: usize,
}

fn corpus() -> Corpus {
    toml::from_str(include_str!("selectors.toml")).unwrap()
}

const fn kind(selector: &Selector) -> &'static str {
    match selector {
        Selector::One(_) => "one",
        Selector::Failover(_) => "failover",
        Selector::Weighted(_) => "weighted",
        Selector::Race(_) => "race",
        Selector::Thinking { .. } => "thinking",
    }
}

#[test]
fn corpus_reads_and_prints() {
    for case in corpus().ok {
        let Parsed { selector, warnings } =
            Selector::parse(&case.text).unwrap_or_else(|e| panic!("{}: {e}", case.text));
        let show = case.show.as_deref().unwrap_or(&case.text);
        assert_eq!(selector.to_string(), show, "{}", case.text);
        assert_eq!(kind(&selector), case.kind.as_deref().unwrap_or("one"), "{}", case.text);
        assert_eq!(warnings.len(), case.warnings, "{}: {warnings:?}", case.text);
        assert_eq!(Selector::parse(show).unwrap().selector, selector, "{}", case.text);
        let leaf = selector.leaves()[0];
        if let Some(backend) = case.backend {
            assert_eq!(leaf.backend().map_or("", |b| b.as_str()), backend, "{}", case.text);
        }
        if let Some(model) = case.model {
            assert_eq!(leaf.model(), model, "{}", case.text);
        }
    }
}

#[test]
fn corpus_errors_point_at_the_character() {
    for case in corpus().err {
        let error = Selector::parse(&case.text).expect_err(&case.text);
        assert_eq!(
            (error.code.name(), error.column),
            (case.code.as_str(), case.column),
            "{}: {error}",
            case.text
        );
        let caret = error.caret().lines().last().unwrap();
        assert_eq!(caret.trim_start(), "^", "{}", case.text);
        assert!(case.text.is_char_boundary(error.at), "{}", case.text);
    }
}

#[test]
fn bounds_hold() {
    assert!(Selector::parse(&"x".repeat(5000)).is_err());
    assert!(Selector::parse(&["m"; 33].join("|")).is_err());
    assert!(Selector::parse(&["m"; 32].join("|")).is_ok());
}

fn leaf() -> impl Strategy<Value = String> {
    let name = prop_oneof!["[a-z][a-z0-9.-]{0,8}", "[a-z/:!|^?%\\[\\]]{1,12}"];
    (proptest::option::of("[a-z]{1,5}(\\.[a-z0-9]{1,3})?"), name, 0..5_u32).prop_map(
        |(backend, model, params)| {
            let escaped: String = model.chars().fold(String::new(), |mut out, c| {
                match c {
                    '!' | '|' | '^' | '?' | '%' | '[' | ']' => {
                        out.push_str(&format!("%{:02x}", u32::from(c)))
                    }
                    _ => out.push(c),
                }
                out
            });
            let params =
                ["", "?top_k=3", "?temperature=0.25&verbosity=low", "?reasoning_effort=max", "?top_p=0.5"]
                    [params as usize];
            match backend {
                Some(backend) => format!("{backend}:{escaped}{params}"),
                None => format!("m/{escaped}{params}"),
            }
        },
    )
}

fn race() -> impl Strategy<Value = String> {
    proptest::collection::vec((0..5000_u32, leaf()), 2..5).prop_map(|b| {
        b.iter()
            .map(|(h, l)| format!("[handicap={}]{l}", f64::from(*h) / 1000.0))
            .collect::<Vec<_>>()
            .join("!")
    })
}

fn selector() -> impl Strategy<Value = String> {
    let weighted = proptest::collection::vec((1..9_u32, leaf()), 2..5)
        .prop_map(|b| b.iter().map(|(w, l)| format!("[weight={w}]{l}")).collect::<Vec<_>>().join("^"));
    let failover = proptest::collection::vec(leaf(), 2..5).prop_map(|b| b.join("|"));
    prop_oneof![
        leaf(),
        weighted,
        race(),
        failover,
        (race(), leaf()).prop_map(|(r, l)| format!("{r}|[max_context=9]{l}"))
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, rng_seed: RngSeed::Fixed(4), ..ProptestConfig::default() })]
    #[test]
    fn any_selector_prints_what_it_reads(text in selector()) {
        let read = Selector::parse(&text).map_err(|e| TestCaseError::fail(format!("{text}: {e}")))?.selector;
        let again = Selector::parse(&read.to_string()).map_err(|e| TestCaseError::fail(format!("{read}: {e}")))?.selector;
        prop_assert_eq!(again, read);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,40}|[a-z:/|^!?\\[\\]=,%&.5 ]{0,40}") {
        match Selector::parse(&text) {
            Ok(read) => {
                let shown = read.selector.to_string();
                let again = Selector::parse(&shown).map_err(|e| TestCaseError::fail(format!("{text} -> {shown}: {e}")))?;
                prop_assert_eq!(again.selector, read.selector);
            }
            Err(error) => prop_assert!(error.at <= text.len() && !error.caret().is_empty()),
        }
    }
}

#[test]
fn route_that_is_too_long_when_written_out_is_refused() {
    let brackets = |n| format!("a%5B{}", "[]".repeat(n));
    let (fits, longer) = (brackets(682), brackets(683));
    let shown = Selector::parse(&fits).unwrap().selector.to_string();
    assert_eq!(Selector::parse(&shown).unwrap().selector.to_string(), shown);
    for text in [longer, format!("a?temperature=0.{}1", "0".repeat(4096))] {
        let error = Selector::parse(&text).unwrap_err();
        assert!(error.to_string().contains("longer than 4096 bytes"), "{error}");
    }
    let small = vec!["a?temperature=1e-300"; 14].join("|");
    assert!(Selector::parse(&small).unwrap_err().to_string().contains("when it is written out"));
}
