//! Plans by example: who wins, where a name goes, what is said about it.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod checks;
mod house;

use base::{Effort, NamedRoute, RouteOverrides, Sampling};
use house::{backend, plan, route, show, table};
use routing::plan::{Alias, Aliases, Ask, Node, StaticRoute, Table, Why};

#[test]
fn request_names_find_their_backend() {
    let (table, none, sampling) = (table(), RouteOverrides::default(), Sampling::default());
    for (model, want) in [
        ("gpt-5", "openai:gpt-5"),
        ("claude-3-5-sonnet-20241022", "anthropic:claude-3-5-sonnet-20241022"),
        ("anthropic:claude-3-5-sonnet-20241022", "anthropic:claude-3-5-sonnet-20241022"),
        ("openrouter:qwen/qwen3-coder", "openrouter:qwen/qwen3-coder"),
        ("qwen/qwen3-coder", "openrouter:qwen/qwen3-coder"),
        ("anthropic/claude-x", "openrouter:anthropic/claude-x"),
        ("google/gemini-2.5-pro", "gemini:gemini-2.5-pro"),
        ("gemini:google/gemini-2.5-pro", "gemini:gemini-2.5-pro"),
        ("qwen3:8b", "ollama:qwen3:8b"),
        ("ollama:qwen3:30b", "ollama:qwen3:30b"),
        ("ft:gpt-4o:org::id", "openai:ft:gpt-4o:org::id"),
        ("unheard/of:beta", "openai:unheard/of:beta"),
        ("openai.work:gpt-5", "openai.work:gpt-5"),
        ("openai.rest:gpt-5", "404 unknown_backend"),
        ("minimax:m2", "404 unknown_backend"),
        ("zai:glm-4.6", "503 backend_not_ready"),
        ("zai:glm-4.6|gpt-5", "openai:gpt-5"),
        ("openai:a|anthropic:b", "(openai:a|anthropic:b)"),
        ("[weight=3]openai:a^gemini:b", "(3xopenai:a^1xgemini:b)"),
        ("[handicap=2]openai:a!gemini:b", "(openai:a+0ns!gemini:b+2s)"),
        ("openai:a!gemini:b|ollama:c", "((openai:a+0ns!gemini:b+0ns)|ollama:c)"),
        ("a||b", "400 syntax_error"),
        ("", "400 syntax_error"),
    ] {
        assert_eq!(plan(&table, &Ask::new(model, &none, &sampling)), want, "{model}");
    }
}

#[test]
fn stronger_words_win() {
    let (mut table, sampling) = (table(), Sampling::default());
    let mut session = route(|r| {
        r.backend = Some("anthropic".into());
        r.model = Some("claude-3-5-sonnet-20241022".into());
        r.oneoff = Some("openrouter:qwen/qwen3-coder".into());
    });
    let with_header = |session: &RouteOverrides, table: &Table| {
        plan(table, &Ask { header: Some("gemini:g"), ..Ask::new("openai:gpt-5", session, &sampling) })
    };
    let without =
        |session: &RouteOverrides, table: &Table| plan(table, &Ask::new("openai:gpt-5", session, &sampling));
    assert_eq!(with_header(&session, &table), "gemini:g");
    assert_eq!(without(&session, &table), "openrouter:qwen/qwen3-coder");
    session.oneoff = None;
    assert_eq!(without(&session, &table), "anthropic:claude-3-5-sonnet-20241022");
    session.model = None;
    assert_eq!(without(&session, &table), "anthropic:gpt-5");
    session.backend = None;
    assert_eq!(without(&session, &table), "openai:gpt-5");
    session.model = Some("claude-3-5-sonnet-20241022".into());
    assert_eq!(without(&session, &table), "anthropic:claude-3-5-sonnet-20241022");
    session.model = Some("brand-new".into());
    assert_eq!(plan(&table, &Ask::new("gemini:x", &session, &sampling)), "gemini:brand-new");
    session.route = Some("ollama:a|gemini:b".into());
    assert_eq!(without(&session, &table), "(ollama:a|gemini:b)");
    table.static_route = Some(StaticRoute::parse("ollama:fixed").unwrap());
    assert_eq!(with_header(&session, &table), "ollama:fixed");
    assert!(StaticRoute::parse("gpt-5").is_err() && StaticRoute::parse("a:b?temperature=9").is_err());
}

#[test]
fn session_backend_takes_the_model_of_any_request() {
    let (mut table, sampling) = (table(), Sampling::default());
    let session = route(|r| r.backend = Some("ollama".into()));
    table.aliases = Aliases::new(vec![Alias::new("^fast$", "openai:gpt-5-mini").unwrap()]);
    for (model, want) in [
        ("qwen3:8b", "ollama:qwen3:8b"),
        ("openai:gpt-5", "ollama:gpt-5"),
        ("openai:a|gemini:b", "ollama:a"),
        ("vendor/x:free", "ollama:vendor/x:free"),
        ("fast", "ollama:gpt-5-mini"),
    ] {
        assert_eq!(plan(&table, &Ask::new(model, &session, &sampling)), want, "{model}");
    }
    let gone = route(|r| r.backend = Some("bogus".into()));
    assert_eq!(plan(&table, &Ask::new("m", &gone, &sampling)), "404 unknown_backend");
}

#[test]
fn aliases_and_named_routes_expand() {
    let (mut table, sampling) = (table(), Sampling::default());
    table.aliases = Aliases::new(vec![
        Alias::new("^gpt-(.*)$", r"openrouter:openai/gpt-\1").unwrap(),
        Alias::new("^alias:pair$", "openai:a|gemini:b").unwrap(),
    ]);
    table.named.insert(
        "big".into(),
        NamedRoute { elements: vec!["anthropic:x".into(), "gemini:y".into()], ..NamedRoute::default() },
    );
    let mut session = RouteOverrides::default();
    let ask = |model, session: &RouteOverrides| plan(&table, &Ask::new(model, session, &sampling));
    assert_eq!(ask("gpt-5", &session), "openrouter:openai/gpt-5");
    assert_eq!(ask("alias:pair", &session), "(openai:a|gemini:b)");
    assert_eq!(ask("big", &session), "(anthropic:x|gemini:y)");
    assert_eq!(ask("openai:gpt-5", &session), "openai:gpt-5");
    session.named.insert("big".into(), NamedRoute::default());
    assert_eq!(ask("big", &session), "422 -");
    session.model = Some("gpt-4".into());
    assert_eq!(ask("anything", &session), "openrouter:openai/gpt-4");
    session.model = Some("openai:gpt-4".into());
    assert_eq!(ask("anything", &session), "openai:gpt-4");
}

#[test]
fn fallback_route_follows_single_legs_of_requests() {
    let (mut table, sampling) = (table(), Sampling::default());
    table
        .named
        .insert("*".into(), NamedRoute { elements: vec!["ollama:last".into()], ..NamedRoute::default() });
    let none = RouteOverrides::default();
    assert_eq!(plan(&table, &Ask::new("gpt-5", &none, &sampling)), "(openai:gpt-5|ollama:last)");
    assert_eq!(plan(&table, &Ask::new("ollama:last", &none, &sampling)), "ollama:last");
    assert_eq!(plan(&table, &Ask::new("openai:a|gemini:b", &none, &sampling)), "(openai:a|gemini:b)");
}

#[test]
fn numbered_instances_take_turns_and_named_ones_wait_to_be_named() {
    let (mut table, none, sampling) = (table(), RouteOverrides::default(), Sampling::default());
    table.backends.push(backend("openai.1", &[]));
    table.backends.push(backend("openai.2", &[]));
    let turn = |rotation| plan(&table, &Ask { rotation, ..Ask::new("openai:m", &none, &sampling) });
    assert_eq!(turn(0), "(openai:m|openai.1:m|openai.2:m)");
    assert_eq!(turn(1), "(openai.1:m|openai.2:m|openai:m)");
    assert_eq!(turn(5), "(openai.2:m|openai:m|openai.1:m)");
    table.backends.retain(|b| b.name != "openai" && !b.name.ends_with(char::is_numeric));
    assert_eq!(plan(&table, &Ask::new("openai:m", &none, &sampling)), "openai.work:m");
}

#[test]
fn session_sampling_beats_the_selectors() {
    let (table, none) = (table(), RouteOverrides::default());
    let sampling = Sampling { temperature: Some(0.0), ..Sampling::default() };
    let plan =
        table.plan(&Ask::new("openai:m?temperature=1&reasoning_effort=low", &none, &sampling)).unwrap();
    assert_eq!(plan.legs[0].params.temperature, Some(0.0));
    assert_eq!(plan.legs[0].params.reasoning_effort, Some(Effort::Low));
}

#[test]
fn long_requests_skip_small_contexts() {
    let (table, none, sampling) = (table(), RouteOverrides::default(), Sampling::default());
    let model = "[max_context=100]ollama:a|[max_context=1000]gemini:b";
    let ask = |tokens| plan(&table, &Ask { tokens, ..Ask::new(model, &none, &sampling) });
    assert_eq!(ask(None), "(ollama:a|gemini:b)");
    assert_eq!(ask(Some(100)), "(ollama:a|gemini:b)");
    assert_eq!(ask(Some(101)), "gemini:b");
    assert_eq!(ask(Some(1001)), "503 max_context_exceeded");
}

#[test]
fn first_and_thinker_know_their_turn() {
    let (table, none, sampling) = (table(), RouteOverrides::default(), Sampling::default());
    let first = |first_taken| {
        plan(&table, &Ask { first_taken, ..Ask::new("openai:a^[first]gemini:b", &none, &sampling) })
    };
    assert_eq!(first(false), "(1xopenai:a^*1xgemini:b)");
    assert_eq!(first(true), "(1xopenai:a^1xgemini:b)");
    let model = "[weight=2]openai:a^gemini:b^[thinker]ollama:t";
    let turn = |turns, rests| {
        let plan =
            table.plan(&Ask { turns, thinker_rests: rests, ..Ask::new(model, &none, &sampling) }).unwrap();
        let Node::Failover(children) = &plan.tree else { panic!("{:?}", plan.tree) };
        let thinker = plan.thinker.as_ref().map(|thinker| show(thinker, &thinker.tree));
        assert_eq!(thinker.is_some(), plan.why.contains(&Why::ThinkersTurn));
        format!("{}{}", thinker.map(|t| t + ">").unwrap_or_default(), show(&plan, &children[0]))
    };
    let names: Vec<String> = (0..8).map(|t| turn(t, 0)).collect();
    let (a, b, t) = ("openai:a", "gemini:b", "ollama:t>gemini:b");
    assert_eq!(names, [a, a, b, t, a, a, b, t]);
    assert_eq!(turn(3, 1), b, "a thinker that rests");
    let pair = |turns| {
        let selector = "[thinker]ollama:t^openai:a|gemini:b";
        let plan = table.plan(&Ask { turns, ..Ask::new(selector, &none, &sampling) }).unwrap();
        (
            show(&plan, &plan.tree),
            plan.thinker.is_some(),
            plan.explain().starts_with("notes first, by:\n  ollama:t\n"),
        )
    };
    assert_eq!(pair(0), ("(openai:a|gemini:b)".to_owned(), false, false));
    assert_eq!(pair(1), ("(openai:a|gemini:b)".to_owned(), true, true));
    let gone =
        table.plan(&Ask { turns: 1, ..Ask::new("[thinker]zai:t^openai:a|gemini:b", &none, &sampling) });
    let gone = gone.unwrap();
    assert!(gone.thinker.is_none() && gone.why.contains(&Why::ExecutorsTurn));
    assert!(gone.explain().contains("zai:t is left out"), "{}", gone.explain());
}
