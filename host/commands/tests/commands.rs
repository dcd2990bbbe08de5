//! The command corpora: where commands are found, and what they do.
use base::SessionSettings;
use commands::{BackendLine, DEFAULT_PREFIX, Outcome, Syntax, Target, View, reply_text, run, scan};
use proptest::{prelude::*, test_runner::RngSeed};
use serde::Deserialize;

#[derive(Deserialize)]
struct Cases<T> {
    case: Vec<T>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScanCase {
    name: String,
    parts: Vec<String>,
    #[serde(default)]
    calls: Vec<String>,
    left: Vec<String>,
    #[serde(default)]
    only: bool,
    prefix: Option<String>,
    #[serde(default)]
    strict: bool,
    #[serde(default)]
    unknown: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RunCase {
    call: String,
    reply: String,
    #[serde(default)]
    changes: Vec<String>,
    #[serde(default)]
    failed: bool,
    #[serde(default)]
    setup: Vec<String>,
    #[serde(default)]
    flags: Vec<String>,
}

#[test]
fn commands_are_found_where_they_count() {
    let cases: Cases<ScanCase> = toml::from_str(include_str!("scan.toml")).unwrap();
    let mut wrong = Vec::new();
    for case in cases.case {
        let parts: Vec<&str> = case.parts.iter().map(String::as_str).collect();
        let syntax = Syntax { prefix: case.prefix.as_deref().unwrap_or(DEFAULT_PREFIX), strict: case.strict };
        let found = scan(&parts, &syntax);
        let calls: Vec<String> = found
            .calls
            .iter()
            .map(|call| {
                let args: Vec<String> = call
                    .args
                    .iter()
                    .map(|arg| format!("{}={}", arg.key.as_deref().unwrap_or(""), arg.value))
                    .collect();
                assert!(parts[call.part][call.span.clone()].starts_with(syntax.prefix), "{}", case.name);
                format!("{}({})", call.name, args.join(","))
            })
            .collect();
        let left: Vec<String> =
            parts.iter().enumerate().filter_map(|(i, text)| found.remainder(i, text)).collect();
        let got = (calls, left, found.is_command_only);
        let want = (case.calls, case.left, case.only);
        if got != want {
            wrong.push(format!("{}\n   got {got:?}\n  want {want:?}", case.name));
        }
        for word in case.unknown {
            assert!(found.unknown.contains(&word), "{}: {:?}", case.name, found.unknown);
        }
    }
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
}

/// A house with three ready backends and one without a key.
struct House {
    settings: SessionSettings,
    flags: Vec<String>,
}

impl View for House {
    fn version(&self) -> &str {
        "9.9"
    }

    fn session_id(&self) -> &str {
        "s-1"
    }

    fn prefix(&self) -> &str {
        DEFAULT_PREFIX
    }

    fn is_interactive(&self) -> bool {
        !self.flags.iter().any(|flag| flag == "quiet")
    }

    fn settings(&self) -> &SessionSettings {
        &self.settings
    }

    fn backends(&self) -> Vec<BackendLine> {
        [
            ("anthropic", 1, 1, None),
            ("openai", 2, 2, None),
            ("openrouter", 1, 0, None),
            ("zai", 0, 0, Some("it has no API key")),
        ]
        .map(|(name, n_keys, n_models, problem)| BackendLine {
            name: name.into(),
            problem: problem.map(String::from),
            n_keys,
            n_models,
        })
        .into()
    }

    fn static_route(&self) -> Option<String> {
        self.flags.iter().any(|flag| flag == "static").then(|| "openai:fixed".into())
    }

    fn read_selector(&self, text: &str) -> Result<Target, String> {
        match text.split_once(':') {
            _ if text.contains(['|', '^', '!', '?']) => Ok(Target::Route),
            Some(("zai", _)) => Err("backend zai is not ready".into()),
            Some((backend, model)) => Ok(Target::Leg { backend: backend.into(), model: model.into() }),
            None => Ok(Target::Model),
        }
    }

    fn lists_model(&self, backend: Option<&str>, model: &str) -> Option<bool> {
        (backend == Some("openai")).then(|| model.starts_with("gpt"))
    }

    fn resolve_dir(&self, path: &str) -> Result<String, String> {
        if path == "/missing" { Err(format!("no such directory: {path}")) } else { Ok(path.into()) }
    }

    fn route_lines(&self) -> Vec<String> {
        vec!["next turn: as requested".into()]
    }

    fn usage_lines(&self) -> Vec<String> {
        vec!["usage 42 tokens".into()]
    }

    fn why_lines(&self) -> Vec<String> {
        vec!["because the request's model is gpt-5".into()]
    }
}

impl House {
    fn run(&mut self, text: &str) -> Outcome {
        let found = scan(&[text], &Syntax::default());
        assert_eq!(found.calls.len(), 1, "{text}");
        let outcome = run(&found.calls[0], self);
        outcome.changes.iter().for_each(|change| self.settings.apply(change.clone()));
        outcome
    }
}

#[test]
fn commands_do_what_they_say() {
    let cases: Cases<RunCase> = toml::from_str(include_str!("run.toml")).unwrap();
    for case in cases.case {
        let mut house = House { settings: SessionSettings::default(), flags: case.flags };
        for call in &case.setup {
            assert!(!house.run(call).failed, "{call}");
        }
        let outcome = house.run(&case.call);
        let changes: Vec<String> = outcome.changes.iter().map(|change| format!("{change:?}")).collect();
        assert!(outcome.reply.contains(&case.reply), "{}: {}", case.call, outcome.reply);
        assert_eq!(changes, case.changes, "{}", case.call);
        assert_eq!(outcome.failed, case.failed, "{}: {}", case.call, outcome.reply);
        assert!(!outcome.failed || outcome.changes.is_empty(), "a failure changes nothing");
        let text = reply_text(&[outcome]);
        assert_eq!(text.starts_with("Error: "), case.failed);
    }
}

#[test]
fn every_example_of_the_help_works() {
    let mut house = House { settings: SessionSettings::default(), flags: Vec::new() };
    house.run("!/create-failover-route(name=big)");
    house.run("!/project-dir(/ok)");
    let overview = house.run("!/help").reply;
    let mut n_examples = 0;
    for line in overview.lines().skip(1) {
        let name = line.trim_start_matches(DEFAULT_PREFIX).split(['(', ' ']).next().unwrap();
        for example in
            house.run(&format!("!/help({name})")).reply.lines().filter_map(|l| l.strip_prefix("Example: "))
        {
            n_examples += 1;
            let outcome = house.run(example);
            assert!(!outcome.failed, "{example}: {}", outcome.reply);
            if name == "delete-failover-route" {
                house.run("!/create-failover-route(name=big)");
            }
        }
    }
    assert!(n_examples > 20);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, rng_seed: RngSeed::Fixed(7), ..ProptestConfig::default() })]

    /// Any text is scanned without harm; cuts are in order and in bounds, and calls lie inside them.
    #[test]
    fn any_message_is_scanned(parts in proptest::collection::vec("(\\PC|\\n| |!/|help|set\\(|\\)|hello|```|<task>|</task>|'|=|,){0,30}", 0..4)) {
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        for strict in [false, true] {
            let found = scan(&parts, &Syntax { strict, ..Syntax::default() });
            let mut last = (0, 0);
            for cut in &found.cuts {
                prop_assert!(parts[cut.part].get(cut.span.clone()).is_some());
                prop_assert!((cut.part, cut.span.start) >= last);
                last = (cut.part, cut.span.end);
            }
            for call in &found.calls {
                let inside = found.cuts.iter().any(|c| c.part == call.part && c.span.start <= call.span.start && call.span.end <= c.span.end);
                prop_assert!(inside);
            }
            prop_assert_eq!(found.calls.is_empty(), found.cuts.is_empty());
        }
    }

    /// What is left holds no command that would be found again, unless text before it shielded it.
    #[test]
    fn a_question_survives_its_commands(question in "[a-z][a-z ]{0,20}[a-z]", n in 1..4_usize) {
        let commands = vec!["!/low"; n].join("\n");
        for text in [format!("{commands}\n{question}"), format!("{question}\n{commands}")] {
            let found = scan(&[&text], &Syntax::default());
            prop_assert_eq!(found.calls.len(), n);
            prop_assert!(!found.is_command_only);
            prop_assert_eq!(found.remainder(0, &text), Some(question.clone()));
        }
    }
}

#[test]
fn hostile_messages_cost_little() {
    let began = std::time::Instant::now();
    for piece in [
        "!/set(\n",
        " !/set(",
        "!/a\n",
        "!/low\n",
        "<system-reminder>",
        "[x] Result:",
        "'!/x(\"",
        "```\n!/low\n",
    ] {
        let text = piece.repeat(400_000 / piece.len());
        let found = scan(&[&text], &Syntax::default());
        assert!(found.calls.len() <= 32);
    }
    assert!(began.elapsed().as_secs() < 20, "quadratic in the length of a message");
}
