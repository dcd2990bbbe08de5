//! From settings to the rules by which the engine serves turns.
use base::NamedRoute;
use engine::Rules;
use routing::plan::{Alias, Aliases, StaticRoute};
use routing::policy::Budgets;
use settings::{FailoverRoute, Resolved};
use std::time::Duration;

/// Time to start another attempt after one that had no output in time.
const NEXT_TRY: Duration = Duration::from_secs(30);

/// The rules.
///
/// # Errors
/// A selector, alias or prefix that cannot be read, with its place in the configuration.
pub(crate) fn of(settings: &Resolved) -> Result<Rules, String> {
    let place =
        |key: &str| settings.source(key).map(|source| format!("{source}: {key}: ")).unwrap_or_default();
    if let Some(route) = settings.static_route() {
        StaticRoute::parse(route).map_err(|e| format!("{}{e}", place("static_route")))?;
    }
    commands::check_prefix(settings.command_prefix())
        .map_err(|e| format!("{}{e}", place("command_prefix")))?;
    let alias = |alias: &settings::ModelAlias| Alias::new(&alias.pattern, &alias.replacement);
    let aliases: Result<Vec<Alias>, _> = settings.model_aliases().iter().map(alias).collect();
    let aliases = aliases.map_err(|e| format!("{}{}", place("model_aliases"), e.message))?;
    // A backend that says nothing for as long as it may must not use up the time of the next one.
    let failover = Budgets::default().failover.max(settings.first_output_timeout() + NEXT_TRY);
    let named = settings.failover_routes().iter().map(named).collect::<Result<_, _>>();
    Ok(Rules {
        version: env!("CARGO_PKG_VERSION"),
        commands: !settings.disable_interactive_commands(),
        prefix: settings.command_prefix().to_owned(),
        strict: settings.strict_command_detection(),
        static_route: settings.static_route().map(str::to_owned),
        aliases: Aliases::new(aliases),
        named: named.map_err(|e: String| format!("{}{e}", place("failover_routes")))?,
        count_upstream: settings.count_upstream(),
        ask_usage: settings.usage_ask_upstream(),
        sends_traceparent: settings.traceparent_upstream(),
        turns_max: usize::try_from(settings.concurrent_turns()).unwrap_or(usize::MAX),
        gate_bytes: usize::try_from(settings.gate_bytes()).unwrap_or(usize::MAX),
        budgets: Budgets {
            turn: settings.total_timeout(),
            first_output: settings.first_output_timeout(),
            failover,
            commit_after: Some(settings.stream_commit_after()),
            ..Budgets::default()
        },
        thinker_instructions: match settings.thinker_instructions_file() {
            None => Rules::default().thinker_instructions,
            Some(path) => std::fs::read_to_string(path).map_err(|e| {
                format!("{}{} cannot be read: {e}", place("thinker.instructions_file"), path.display())
            })?,
        },
        hidden: settings.redact_api_keys_in_prompts().then(|| settings.client_keys()),
        clients: crate::access::clients(settings),
        thinker_rests: u32::try_from(settings.thinker_rest_turns()).unwrap_or(u32::MAX),
        sessions: sessions::Limits {
            sessions_max: usize::try_from(settings.session_count_max()).unwrap_or(usize::MAX),
            bytes_max: usize::try_from(settings.session_bytes_max()).unwrap_or(usize::MAX),
            ttl_ms: u64::try_from(settings.session_ttl().as_millis()).unwrap_or(u64::MAX),
            ..sessions::Limits::default()
        },
    })
}

fn named(route: &FailoverRoute) -> Result<(String, NamedRoute), String> {
    let policy = match route.policy.as_deref() {
        None | Some("ordered") => base::RoutePolicy::default(),
        Some(word) => word.parse().map_err(|e| format!("{}: {e}", route.name))?,
    };
    for element in &route.elements {
        routing::selector::Selector::parse(element).map_err(|e| format!("{}: {e}", route.name))?;
    }
    Ok((route.name.clone(), NamedRoute { policy, elements: route.elements.clone() }))
}
