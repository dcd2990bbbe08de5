//! Selectors read, and plans made of them.
use crate::case::Case;
use base::{RouteOverrides, Sampling};
use routing::plan::{Ask, Backend, Table};
use routing::selector::Selector;
use std::hint::black_box;

/// So often that a count is large enough to be compared.
const TIMES: usize = 100;
const PLAIN: &str = "openai:gpt-4o";
const FAILOVER: &str =
    "anthropic:claude!gemini:flash?effort=low|[max_context=9000]openai.work:gpt-4o?temperature=0.5";
const WEIGHTED: &str =
    "[first]openai:gpt-4o?temperature=0.5^[weight=3]anthropic:claude^gemini:flash?effort=low";

pub(super) fn cases() -> Vec<Case> {
    let kinds = [("plain", PLAIN), ("failover", FAILOVER), ("weighted", WEIGHTED)];
    let selectors = kinds.map(|(kind, text)| {
        Case::new(format!("selector {kind}"), move || {
            assert!(Selector::parse(text).is_ok(), "{text}: {:?}", Selector::parse(text).err());
            move || (0..TIMES).for_each(|_| drop(black_box(Selector::parse(black_box(text)))))
        })
    });
    let plans = kinds.into_iter().chain([("bare", "gpt-4o")]).map(|(kind, text)| {
        Case::new(format!("plan {kind}"), move || {
            let table = table();
            move || {
                for rotation in 0..TIMES as u64 {
                    let (route, sampling) = (RouteOverrides::default(), Sampling::default());
                    let ask = Ask { rotation, ..Ask::new(black_box(text), &route, &sampling) };
                    drop(black_box(table.plan(&ask).expect("a plan")));
                }
            }
        })
    });
    selectors.into_iter().chain(plans).collect()
}

fn table() -> Table {
    let names = ["openai", "openai.work", "anthropic", "gemini", "openrouter", "ollama"];
    let backends = names.map(|name| Backend::new(name, name.split('.').next().unwrap_or(name)));
    Table { default_backend: Some("openai".to_owned()), backends: backends.into(), ..Table::default() }
}
