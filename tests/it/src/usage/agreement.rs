//! Two thousand turns by four frontends over four providers that do all kinds of things: what the clients saw, what the ledger keeps of
//! each turn, its sums, and what the host counts for those who watch it agree.
use super::script::{Deed, Dice, Plan, Shape, Used, number, reply};
use super::told::told;
use crate::scraped::{Scraped, scrape};
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
    /// Input and output tokens, by the answer itself.
    told: Option<(u64, u64)>,
}

impl Seen {
    /// Whose tokens they are: the backend that answered, or was tried first.
    fn backend<'a>(&'a self, plan: &'a Plan) -> &'a str {
        match &self.leg {
            Some(leg) => leg.split(':').next().expect("a backend"),
            None => plan.legs[0].0,
        }
    }
}

async fn turn(lip: &Lip, plan: &Plan, n: usize) -> Seen {
    let history = [plan.tongue.message("user", &format!("question {n}"))];
    let call = plan.tongue.call(&plan.selector(n), plan.stream, &history).header("connection", "close");
    if plan.shape == Shape::Left {
        let mut open = lip.connect().await.open(&call).await;
        open.read_until("half").await;
        return Seen { status: 200, outcome: "client_gone", leg: None, told: None };
    }
    let answer = lip.send(call).await;
    let text = answer.text();
    let is_broken = plan.stream && (text.contains("\"error\":{") || text.contains("\"type\":\"error\""));
    let outcome = match answer.status {
        200 if is_broken => "broke_off",
        200 => "answered",
        _ => "failed",
    };
    let told = (outcome == "answered").then(|| told(plan.tongue, plan.stream, &answer)).flatten();
    Seen { status: answer.status, outcome, leg: answer.header("x-lip-route").map(str::to_owned), told }
}

/// What the ledger must keep of the tokens: what the provider said, and nothing else.
fn tokens(plan: &Plan, seen: &Seen) -> Value {
    let of = |is_anthropic: bool, Used { input, cached, output, reasoning }: Used| {
        let reasoning = Some(reasoning).filter(|_| !is_anthropic);
        json!({"input": input, "cached_input": cached, "output": output, "reasoning": reasoning, "cache_write": null})
    };
    let unknown =
        json!({"input": null, "cached_input": null, "output": null, "reasoning": null, "cache_write": null});
    let backend = seen.backend(plan);
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
    let watched = |builder: stage::LipBuilder| builder.env("LIP_OPERATIONS_BIND", "127.0.0.1:0");
    Team::of("[limits]\nconcurrent_turns = 64\n", providers, watched).await
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

/// What the host must count of all turns.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counted {
    /// By outcome.
    turns: BTreeMap<[String; 1], u64>,
    /// By backend and outcome.
    attempts: BTreeMap<[String; 2], u64>,
    /// By backend and kind.
    tokens: BTreeMap<[String; 2], u64>,
    /// Attempts that failed and were followed by another one, by backend.
    failovers: BTreeMap<[String; 1], u64>,
    /// Input and output tokens of requests, by backend and kind: how many said them.
    said: BTreeMap<[String; 2], u64>,
}

impl Counted {
    /// What clients saw of their turns.
    fn of(seen: &BTreeMap<usize, Seen>, plans: &[Plan]) -> Self {
        let mut all = Self::default();
        for (n, seen) in seen {
            let plan = &plans[*n];
            *all.turns.entry([seen.outcome.to_owned()]).or_default() += 1;
            for words in attempts(plan) {
                let (backend, outcome) = words.split_once(' ').expect("two words");
                *all.attempts.entry([backend, outcome].map(str::to_owned)).or_default() += 1;
            }
            if plan.shape == Shape::Failover {
                *all.failovers.entry([plan.legs[0].0.to_owned()]).or_default() += 1;
            }
            let tokens = tokens(plan, seen);
            for (kind, n) in tokens.as_object().expect("counts") {
                let Some(n) = n.as_u64() else { continue };
                let place = [seen.backend(plan), kind].map(str::to_owned);
                if kind == "input" || kind == "output" {
                    *all.said.entry(place.clone()).or_default() += 1;
                }
                *all.tokens.entry(place).or_default() += n;
            }
        }
        all
    }

    /// What the host says.
    fn told(host: &Scraped) -> Self {
        Self {
            turns: host.by("lip_turns_total", ["lip_outcome"]),
            attempts: host.by("lip_attempts_total", ["lip_backend", "lip_outcome"]),
            tokens: host.by("lip_tokens_total", ["lip_backend", "gen_ai_token_type"]),
            failovers: host.by("lip_failovers_total", ["lip_backend"]),
            said: host.by("gen_ai_client_token_usage_count", ["lip_backend", "gen_ai_token_type"]),
        }
    }

    /// Each kind of tokens of all backends.
    fn kinds(&self) -> BTreeMap<&str, u64> {
        let mut kinds = BTreeMap::new();
        self.tokens.iter().for_each(|([_, kind], n)| *kinds.entry(kind.as_str()).or_default() += n);
        kinds
    }
}

/// What the host counts is what clients saw, and what is kept adds up to it.
async fn metrics_agree(lip: &Lip, clients: &Counted, kept: &Value) {
    // The ledger is told before those who count, by the same call.
    let host = loop {
        let host = scrape(lip).await;
        if host.sum("lip_turns_total", &[]) >= TURNS as f64 {
            break host;
        }
    };
    assert_eq!(Counted::told(&host), *clients);
    for (kind, n) in clients.kinds() {
        assert!(n > 0 && kept[kind] == n, "{kind}: clients {n}, rows {kept}");
        let sum = host.sum("gen_ai_client_token_usage_sum", &[&format!("gen_ai_token_type=\"{kind}\"")]);
        assert!(sum == n as f64 || !["input", "output"].contains(&kind), "{kind}: {sum}");
    }
    let kinds: Vec<&str> = clients.kinds().into_keys().collect();
    assert_eq!(kinds, ["cached_input", "input", "output", "reasoning"]);
    assert_eq!(host.sum("gen_ai_server_request_duration_seconds_count", &[]), TURNS as f64);
}

/// What is wrong with the row of a turn.
fn wrong(plan: &Plan, seen: &Seen, row: &Value) -> Option<String> {
    let word = |attempt: &Value, name: &str| attempt[name].as_str().expect("a word").to_owned();
    let tried = row["attempts"].as_array().expect("attempts").iter();
    let tried = tried.map(|attempt| format!("{} {}", word(attempt, "backend"), word(attempt, "outcome")));
    let mut tried: Vec<String> = tried.collect();
    tried.sort();
    let tokens = tokens(plan, seen);
    let kept = (row["status"].as_u64(), row["outcome"].as_str(), &row["tokens"]);
    let is_kept =
        kept == (Some(u64::from(seen.status)), Some(seen.outcome), &tokens) && tried == attempts(plan);
    // What the client read is what is kept; of what is unknown it read nothing, or nothing but zeros. Streams of chats need not say it.
    let known = tokens["input"].as_u64().zip(tokens["output"].as_u64());
    let is_silent = seen.told.is_none_or(|told| told == (0, 0));
    let is_read = seen.told == known || is_silent && (known.is_none() || plan.tongue == Tongue::Chat);
    (!is_kept || !is_read).then(|| format!("{plan:?}\n  seen {seen:?} {tokens}\n  kept {row}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_rows_sums_and_metrics_agree_over_two_thousand_turns() {
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
    metrics_agree(&team.lip, &Counted::of(&seen, &plans), total).await;
    let team = Arc::into_inner(team).expect("no client is left");
    let stopped = team.lip.stopped().await;
    let exported = stopped.args("usage export --what all --format json").run().await;
    let rows: Vec<Value> = serde_json::from_str(&exported.stdout).expect("JSON");
    let mut by_number: BTreeMap<usize, &Value> = BTreeMap::new();
    for row in &rows {
        assert!(by_number.insert(number_of(row), row).is_none(), "kept twice: {row}");
    }
    let wrongs: Vec<String> =
        seen.iter().filter_map(|(n, seen)| wrong(&plans[*n], seen, by_number[n])).collect();
    assert!(wrongs.is_empty(), "{} turns:\n{}", wrongs.len(), wrongs[..wrongs.len().min(5)].join("\n"));
    let n_told = seen.values().filter(|seen| seen.told.is_some_and(|told| told != (0, 0))).count();
    assert!(n_told > 500, "{n_told} clients read their tokens");
    assert!(
        count("answered") > 1_000
            && count("broke_off") > 20
            && count("failed") > 50
            && count("client_gone") > 200
    );
}
