//! What is refused, explained and checked.
use crate::house::{plan, table};
use base::{Kind, RouteOverrides, Sampling};
use routing::plan::{Alias, Aliases, Ask, Named};

#[test]
fn policy_refuses_what_clients_may_not_write() {
    let (mut table, none, sampling) = (table(), RouteOverrides::default(), Sampling::default());
    table.policy.refuse_instances = true;
    assert_eq!(plan(&table, &Ask::new("openai.work:m", &none, &sampling)), "403 policy_rejected");
    assert_eq!(plan(&table, &Ask::new("openai:m", &none, &sampling)), "openai:m");
    table.policy.refuse_backends = true;
    assert_eq!(plan(&table, &Ask::new("openai:m", &none, &sampling)), "403 policy_rejected");
    assert_eq!(plan(&table, &Ask::new("qwen3:8b", &none, &sampling)), "ollama:qwen3:8b");
    table.policy = Default::default();
    table.policy.refuse_models = true;
    assert_eq!(plan(&table, &Ask::new("m", &none, &sampling)), "403 policy_rejected");
    table.aliases = Aliases::new(vec![Alias::new("^m$", "openai:m").unwrap()]);
    assert_eq!(plan(&table, &Ask::new("m", &none, &sampling)), "openai:m");
}

#[test]
fn explanation_names_tree_and_reasons() {
    let (table, none, sampling) = (table(), RouteOverrides::default(), Sampling::default());
    let model = "[handicap=1]openai:a![ttft_timeout=3]zai:b|qwen3:8b?foo=1";
    let text = table.plan(&Ask::new(model, &none, &sampling)).unwrap().explain();
    for part in [
        "failover",
        "openai:a",
        "ollama:qwen3:8b",
        "zai:b is left out",
        "`foo` is unknown",
        "qwen3 is no backend",
        "ollama lists",
    ] {
        assert!(
            text.contains(part) || text.contains(&part.replace("zai:b is", "[ttft_timeout=3]zai:b is")),
            "{part} in:\n{text}"
        );
    }
    let fault = table.plan(&Ask::new("zai:x", &none, &sampling)).unwrap_err();
    assert!(fault.public().contains("Set ZAI_API_KEY"), "{}", fault.public());
    assert_eq!(fault.kind, Kind::Unavailable);
    let mut lost = table.clone();
    lost.default_backend = None;
    let typo = lost.plan(&Ask::new("opnai:gpt-9", &none, &sampling)).unwrap_err();
    assert!(typo.public().contains("Did you mean openai:gpt-9?"), "{}", typo.public());
}

#[test]
fn texts_of_commands_are_checked() {
    let table = table();
    let leg = |backend: &str, model: &str| Ok(Named::Leg { backend: backend.into(), model: model.into() });
    for (text, want) in [
        ("claude-3-5-sonnet-20241022", Ok(Named::Model)),
        ("openrouter:qwen/qwen3-coder", leg("openrouter", "qwen/qwen3-coder")),
        ("openai.work:gpt-5", leg("openai.work", "gpt-5")),
        ("qwen3:8b", Ok(Named::Model)),
        ("openai:gpt-5?temperature=0.1", Ok(Named::Route)),
        ("openai:a|gemini:b", Ok(Named::Route)),
        ("[max_context=9]openai:a", Ok(Named::Route)),
        ("zai:glm", Err(503)),
        ("openai:a|zai:glm", Err(503)),
        ("minimax:m2", Err(404)),
        ("a||b", Err(400)),
    ] {
        assert_eq!(table.check(text).map_err(|fault| fault.status()), want, "{text}");
    }
    assert_eq!(table.lists(Some("openai"), "gpt-5"), Some(true));
    assert_eq!(table.lists(Some("openai"), "bad"), Some(false));
    assert_eq!(table.lists(None, "google/gemini-2.5-pro"), Some(true));
    assert_eq!(table.lists(Some("openai.work"), "bad"), None);
}
