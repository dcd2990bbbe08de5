//! Two thousand turns by four frontends over four providers that do all kinds of things: what the clients saw, what the ledger keeps of
//! each turn, and its sums agree.
use super::script::{Deed, Dice, Plan, Shape, Used, number, reply};
use crate::talk::Tongue;
use crate::team::{BACKENDS, Team};
use serde_json::{Value, json};
use stage::{Call, Lip, Upstream};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const TURNS: usize = 2_000;
const CLIENTS: usize = 16;
const SEED: u64 = 0x5eed_0f11_fe00_0007;

/// What a client saw of its turn.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    status: u16,
    outcome: &'static str,
    /// Who answered, by the header that says so.
    leg: Option<String>,
}

async fn turn(lip: &Lip, plan: &Plan, n: usize) -> Seen {
    let history = [plan.tongue.message("user", &format!("question {n}"))];
    let call = plan.tongue.call(&plan.selector(n), plan.stream, &history).header("connection", "close");
    if plan.shape == Shape::Left {
        let mut open = lip.connect().await.open(&call).await;
        open.read_until("half").await;
        return Seen { status: 200, outcome: "client_gone", leg: None };
    }
    let answer = lip.send(call).await;
    let text = answer.text();
    let is_broken = plan.stream && (text.contains("\"error\":{") || text.contains("\"type\":\"error\""));
    let outcome = match answer.status {
        200 if is_broken => "broke_off",
        200 => "answered",
        _ => "failed",
    };
    Seen { status: answer.status, outcome, leg: answer.header("x-lip-route").map(str::to_owned) }
}

/// What the ledger must keep of the tokens: what the provider said, and nothing else.
fn tokens(plan: &Plan, seen: &Seen) -> Value {
    let of = |is_anthropic: bool, Used { input, cached, output, reasoning }: Used| {
        let reasoning = Some(reasoning).filter(|_| !is_anthropic);
        json!({"input": input, "cached_input": cached, "output": output, "reasoning": reasoning, "cache_write": null})
    };
    let unknown =
        json!({"input": null, "cached_input": null, "output": null, "reasoning": null, "cache_write": null});
    let backend = match &seen.leg {
        Some(leg) => leg.split(':').next().expect("a backend"),
        None => plan.legs[0].0,
    };
    // One provider speaks what the client speaks.
    let is_anthropic =
        backend == "anthropic" || (backend == "openrouter" && plan.tongue == Tongue::Anthropic);
    match plan.deed(backend) {
        Deed::Answers(used) => of(is_anthropic, used),
        // Anthropic says first what goes in.
        Deed::Cuts(used) | Deed::Holds(used) if plan.stream && is_anthropic => {
            json!({"input": used.input, "cached_input": used.cached, "output": null, "reasoning": null, "cache_write": null})
        }
        Deed::Cuts(_) | Deed::Holds(_) | Deed::SaysNothing | Deed::Refuses(_) | Deed::Silent => unknown,
    }
}

/// The outcomes of the attempts.
fn attempts(plan: &Plan) -> Vec<String> {
    let word = |(backend, deed): &(&str, Deed)| {
        let outcome = match (plan.shape, deed) {
            (_, Deed::Answers(_) | Deed::SaysNothing) => "answered",
            (Shape::Race, Deed::Silent) => "lost_race",
            (_, Deed::Refuses(_) | Deed::Cuts(_)) => "failed",
            (_, Deed::Holds(_) | Deed::Silent) => "cancelled",
        };
        format!("{backend} {outcome}")
    };
    let mut words: Vec<String> = plan.legs.iter().map(word).collect();
    words.sort();
    words
}

fn number_of(row: &Value) -> usize {
    let model = row["model_asked"].as_str().expect("a model");
    let digits = model.split_once("m-").expect("a number").1;
    digits.split(|c: char| !c.is_ascii_digit()).next().expect("digits").parse().expect("a number")
}

fn plans() -> Arc<Vec<Plan>> {
    let mut dice = Dice::new(SEED);
    Arc::new((0..TURNS).map(|_| Plan::drawn(&mut dice)).collect())
}

async fn team(plans: &Arc<Vec<Plan>>) -> Team {
    let mut providers = Vec::new();
    for name in BACKENDS {
        let plans = Arc::clone(plans);
        let provider = move |request: &stage::Recorded| match number(request) {
            Some(n) => reply(request, plans[n].deed(name)),
            None => reply(request, Deed::Refuses(404)),
        };
        providers.push((name, Upstream::by(provider).await));
    }
    Team::of("[limits]\nconcurrent_turns = 64\n", providers, |builder| builder).await
}

/// Every turn, as its client saw it.
async fn all_seen(team: &Arc<Team>, plans: &Arc<Vec<Plan>>) -> BTreeMap<usize, Seen> {
    let next = Arc::new(AtomicUsize::new(0));
    let clients = (0..CLIENTS).map(|_| {
        let (team, plans, next) = (Arc::clone(team), Arc::clone(plans), Arc::clone(&next));
        tokio::spawn(async move {
            let mut seen = Vec::new();
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                let Some(plan) = plans.get(n) else { return seen };
                seen.push((n, turn(&team.lip, plan, n).await));
            }
        })
    });
    let mut seen: BTreeMap<usize, Seen> = BTreeMap::new();
    for client in clients.collect::<Vec<_>>() {
        seen.extend(client.await.expect("a client"));
    }
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_rows_and_sums_agree_over_two_thousand_turns() {
    let plans = plans();
    let team = Arc::new(team(&plans).await);
    let seen = all_seen(&team, &plans).await;
    assert_eq!(seen.len(), TURNS);
    // The host notices by itself that a client has gone; nobody else is told of it.
    let stats = loop {
        let stats = team.lip.send(Call::get("/v1/usage/stats?what=all")).await.json();
        if stats["total"]["turns"] == TURNS {
            break stats;
        }
        tokio::task::yield_now().await;
    };
    let count = |outcome: &str| seen.values().filter(|seen| seen.outcome == outcome).count();
    let total = &stats["total"];
    assert_eq!(total["answered"], count("answered"), "{stats}");
    assert_eq!(total["failed"], count("failed") + count("broke_off"), "{stats}");
    assert_eq!(total["client_gone"], count("client_gone"), "{stats}");
    assert_eq!((&stats["ledger"]["written"], &stats["ledger"]["lost"]), (&json!(TURNS), &json!(0)));
    let team = Arc::into_inner(team).expect("no client is left");
    let stopped = team.lip.stopped().await;
    let exported = stopped.args("usage export --what all --format json").run().await;
    let rows: Vec<Value> = serde_json::from_str(&exported.stdout).expect("JSON");
    let mut by_number: BTreeMap<usize, &Value> = BTreeMap::new();
    for row in &rows {
        assert!(by_number.insert(number_of(row), row).is_none(), "kept twice: {row}");
    }
    let mut wrongs = Vec::new();
    let mut sums = BTreeMap::new();
    for (n, seen) in &seen {
        let (plan, row) = (&plans[*n], by_number[n]);
        let mut tried: Vec<String> = row["attempts"]
            .as_array()
            .expect("attempts")
            .iter()
            .map(|attempt| {
                format!(
                    "{} {}",
                    attempt["backend"].as_str().expect("a name"),
                    attempt["outcome"].as_str().expect("a word")
                )
            })
            .collect();
        tried.sort();
        let kept = (row["status"].as_u64(), row["outcome"].as_str(), &row["tokens"]);
        let tokens = tokens(plan, seen);
        if kept != (Some(u64::from(seen.status)), Some(seen.outcome), &tokens) || tried != attempts(plan) {
            wrongs.push(format!("{n}: {plan:?}\n  seen {seen:?} {tokens}\n  kept {row}"));
        }
        for (name, n) in tokens.as_object().expect("counts") {
            *sums.entry(name.clone()).or_insert(0) += n.as_u64().unwrap_or_default();
        }
    }
    assert!(wrongs.is_empty(), "{} turns:\n{}", wrongs.len(), wrongs[..wrongs.len().min(5)].join("\n"));
    for (name, sum) in sums {
        assert_eq!(total[&name], sum, "{name}");
    }
    assert!(
        count("answered") > 1_000
            && count("broke_off") > 20
            && count("failed") > 50
            && count("client_gone") > 200
    );
}
