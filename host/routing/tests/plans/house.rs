//! A configured house, and plans as short texts.
use base::RouteOverrides;
use routing::plan::{Ask, Backend, Node, Plan, Readiness, Table};

pub(crate) fn backend(name: &str, models: &[&str]) -> Backend {
    let family = name.split('.').next().unwrap();
    let mut made = Backend::new(name, family);
    made.models = models.iter().map(ToString::to_string).collect();
    made
}

pub(crate) fn table() -> Table {
    let mut gemini = backend("gemini", &["gemini-2.5-pro"]);
    gemini.vendor = Some("google".into());
    let mut mute = backend("zai", &[]);
    mute.ready = Readiness::Unready { reason: "it has no API key".into(), remedy: "Set ZAI_API_KEY".into() };
    let openrouter = backend("openrouter", &["qwen/qwen3-coder", "anthropic/claude-x", "gpt-5"]);
    Table {
        default_backend: Some("openai".into()),
        backends: vec![
            backend("openai", &["gpt-5", "gpt-5-mini"]),
            backend("anthropic", &["claude-3-5-sonnet-20241022"]),
            gemini,
            openrouter,
            backend("ollama", &["qwen3:8b"]),
            backend("openai.work", &[]),
            mute,
        ],
        families: ["openai", "anthropic", "gemini", "minimax"].map(String::from).into(),
        ..Table::default()
    }
}

pub(crate) fn show(plan: &Plan, node: &Node) -> String {
    let all = |nodes: Vec<String>, by: &str| format!("({})", nodes.join(by));
    match node {
        Node::Leg(id) => plan.legs[id.0].to_string(),
        Node::Failover(children) => all(children.iter().map(|c| show(plan, c)).collect(), "|"),
        Node::Weighted { shares, forced } => {
            let mark = |i| if *forced == Some(i) { "*" } else { "" };
            let nodes =
                shares.iter().enumerate().map(|(i, (w, c))| format!("{}{w}x{}", mark(i), show(plan, c)));
            all(nodes.collect(), "^")
        }
        Node::Race(lanes) => {
            all(lanes.iter().map(|l| format!("{}+{:?}", plan.legs[l.leg.0], l.delay)).collect(), "!")
        }
    }
}

pub(crate) fn plan(table: &Table, ask: &Ask<'_>) -> String {
    match table.plan(ask) {
        Ok(plan) => show(&plan, &plan.tree),
        Err(fault) => format!("{} {}", fault.status(), fault.code.as_deref().unwrap_or("-")),
    }
}

pub(crate) fn route(set: impl FnOnce(&mut RouteOverrides)) -> RouteOverrides {
    let mut overrides = RouteOverrides::default();
    set(&mut overrides);
    overrides
}
