//! The engine: all that turns need, and the steps of a turn in their order.
use crate::accounts::hidden::Hidden;
use crate::accounts::{Accounts, Hide};
use crate::allowed::{Lists, allowed};
use crate::backend::Backend;
use crate::backends::Backends;
use crate::conversation::{Conversation, Prepared, ask, prepare};
use crate::drive::{Drive, Job};
use crate::gate::Gates;
use crate::ids::Ids;
use crate::loop_guard::next_hop;
use crate::models::{Freshness, Model, ModelLists};
use crate::owners::{Cluster, Owners};
use crate::planner::{Planned, Planner, no_backend};
use crate::record::Telling;
use crate::record::witnesses::Witnesses;
use crate::rests::Word;
use crate::rules::Rules;
use crate::scope::{Means, Scope};
use crate::settle::Form;
use crate::sharing::Sessions;
use crate::standing::LastFaults;
use crate::store::Values;
use crate::trace::Traces;
use crate::turn::{Failure, Reply, ReplyBody, Turn, What};
use crate::{chance, count, drive, kept, local, table};
use access::Client;
use agents::Agents;
use arc_swap::ArcSwap;
use base::{Fault, Kind, Retry};
use egress::Egress;
use events::attempt::Role;
use events::open::OpenTurns;
use events::pricing::Pricing;
use events::wire::judged;
use events::witness::{UnderWay, Witness};
use futures_util::future::join_all;
use http::HeaderValue;
use lip_wire::lens::Edits;
use parking_lot::Mutex;
use routing::health::{Health, HealthRules};
use routing::keys::Rotation;
use routing::plan::{Ask, Plan};
use routing::policy::Budgets;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use stores::link::Link;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use vault::Vault;

/// What one backend offers.
#[derive(Debug)]
pub struct Offer {
    /// The backend.
    pub backend: Arc<Backend>,
    /// Its models.
    pub models: Vec<Model>,
    /// How fresh the list is.
    pub freshness: Freshness,
}

/// What an engine has of the world.
#[derive(Debug)]
pub struct Edges {
    /// Outbound HTTP.
    pub egress: Egress,
    /// Agents of this machine.
    pub agents: Agents,
    /// Accounts of people.
    pub vault: Vault,
    /// The user's home, where other programs keep their logins.
    pub home: Option<PathBuf>,
    /// The `User-Agent` that providers see.
    pub user_agent: HeaderValue,
    /// Unique to this process.
    pub host_id: HeaderValue,
    /// Who is told of every turn.
    pub witnesses: Vec<Arc<dyn Witness>>,
    /// Who knows of which models the price is known; none: of no model.
    pub prices: Option<Arc<dyn Pricing>>,
    /// Hears of the tokens of accounts, which are to stand nowhere.
    pub hide: Option<Hide>,
    /// What this host shares with others; none: nothing.
    pub state: Option<Arc<Link>>,
    /// How hosts that share it reach each other.
    pub cluster: Cluster,
}

/// Serves turns. Shared by all frontends.
#[derive(Debug)]
pub struct Engine {
    /// The backends, the rules, and what plans are made from. A turn keeps what it began with.
    pub(crate) planner: ArcSwap<Planner>,
    /// Held by whoever makes another planner from the one that is there.
    pub(crate) swapping: Mutex<()>,
    pub(crate) has_default: AtomicBool,
    pub(crate) health: Arc<Mutex<Health>>,
    pub(crate) rests: Option<Word>,
    pub(crate) last_faults: LastFaults,
    /// Of turns that have only one place to go.
    no_health: Arc<Mutex<Health>>,
    pub(crate) sessions: Sessions,
    pub(crate) ids: Ids,
    pub(crate) traces: Traces,
    means: Arc<Means>,
    host_id: HeaderValue,
    witnesses: Witnesses,
    prices: Option<Arc<dyn Pricing>>,
    under_way: Arc<OpenTurns>,
    pub(crate) models: ModelLists,
    rotation: AtomicU64,
    open_turns: Arc<Semaphore>,
    /// Are turns over that are still open?
    is_cut: AtomicBool,
}

impl Engine {
    /// An engine over these backends.
    pub fn new(backends: Backends, rules: Rules, edges: Edges) -> Self {
        let Edges { egress, agents, vault, home, user_agent, host_id, .. } = edges;
        let Edges { witnesses, prices, hide, state, cluster, .. } = edges;
        let under_way = Arc::new(OpenTurns::default());
        let witnesses = [Arc::clone(&under_way) as Arc<dyn Witness>].into_iter().chain(witnesses);
        let witnesses = Witnesses::new(witnesses.collect());
        let accounts = Accounts::new(vault, home, host_id.clone());
        let mut health = Health::new(HealthRules::default());
        for backend in backends.iter() {
            health.declare(backend.name(), backend.spec().keys.len().max(1), Rotation::default());
        }
        let health = Arc::new(Mutex::new(health));
        let table = table::of(&backends, &rules, &HashMap::new());
        let open_turns = Arc::new(Semaphore::new(rules.turns_max.min(Semaphore::MAX_PERMITS)));
        let sessions = Sessions::new(rules.sessions, state.as_ref());
        let has_default = AtomicBool::new(backends.default().is_some());
        let gates = Gates::new(rules.gate_bytes);
        let prompts = ArcSwap::from_pointee(rules.redactor(&backends));
        let sends_traceparent = rules.sends_traceparent;
        let hidden = Hidden::new(hide);
        hidden.learn(&accounts.tokens());
        Self {
            planner: ArcSwap::from_pointee(Planner::new(table, Arc::new(backends), Arc::new(rules))),
            swapping: Mutex::default(),
            has_default,
            rests: state.as_ref().map(|link| Word::share(&health, link)),
            health,
            last_faults: LastFaults::default(),
            no_health: Arc::new(Mutex::new(Health::forgetful())),
            sessions,
            ids: Ids::default(),
            traces: Traces::default(),
            means: Arc::new(Means {
                owners: state
                    .map(|link| Owners::new(&link, cluster, &host_id, agents.clone(), egress.clone())),
                agents,
                egress,
                accounts,
                user_agent,
                gates,
                values: Values::default(),
                sends_traceparent,
                hidden,
                prompts,
            }),
            host_id,
            witnesses,
            prices,
            under_way,
            models: ModelLists::default(),
            rotation: AtomicU64::new(0),
            open_turns,
            is_cut: AtomicBool::new(false),
        }
    }

    /// Ends all turns that are open or still come: each with an error in its client's dialect, once its task is polled.
    pub fn cut_turns(&self) {
        self.is_cut.store(true, Ordering::Relaxed);
    }

    /// The fault of a turn that is over because the host is.
    pub(crate) fn cut(&self) -> Option<Fault> {
        if !self.is_cut.load(Ordering::Relaxed) {
            return None;
        }
        let fault = Fault::host(Kind::Unavailable, "the host is shutting down").code("host_shutting_down");
        Some(fault.retry(Retry::Soon).hint("Send it again in a moment"))
    }

    /// Its name: no other process has it.
    pub fn id(&self) -> &str {
        self.host_id.to_str().unwrap_or_default()
    }

    /// The turns that are under way, the oldest first.
    pub fn under_way(&self) -> Vec<Arc<dyn UnderWay>> {
        self.under_way.list()
    }

    /// The agents of this machine.
    pub fn agents(&self) -> &Agents {
        &self.means.agents
    }

    /// The backends of the next turn.
    pub fn backends(&self) -> Arc<Backends> {
        Arc::clone(&self.planner.load().backends)
    }

    /// Where a request for `model` would go in a session that has had so many `turns`.
    ///
    /// # Errors
    /// Why it would go nowhere.
    pub fn plan(&self, model: &str, turns: u64) -> Result<Plan, Fault> {
        let (overrides, sampling) = (base::RouteOverrides::default(), base::Sampling::default());
        self.planner.load().table.plan(&Ask { turns, ..Ask::new(model, &overrides, &sampling) })
    }

    pub(crate) fn dressed(&self, plan: Arc<Plan>) -> Planned {
        Planned::new(plan, &self.planner.load().backends)
    }

    pub(crate) fn planned(&self, ask: &Ask<'_>) -> Result<Planned, Fault> {
        self.planner.load().plan(ask)
    }

    /// Answers one turn.
    ///
    /// # Errors
    /// The fault of the last attempt, with the upstream's own answer where the client can read it.
    pub async fn turn(self: &Arc<Self>, turn: Turn) -> Result<Reply, Failure> {
        let mut telling = self.witnesses.told(&turn);
        let keeping = self.witnesses.keep().then(|| (telling.record(), Form::of(&turn)));
        let result = self.told(turn, &mut telling).await;
        if let Err(failure) = &result {
            telling.failed(failure);
        }
        match keeping {
            None => result,
            Some((record, form)) => Box::pin(kept::kept(result, record, form)).await,
        }
    }

    /// Answers a turn that is told of. What drives it takes the telling over.
    async fn told(self: &Arc<Self>, turn: Turn, telling: &mut Telling) -> Result<Reply, Failure> {
        if turn.what == What::CountTokens && !self.planner.load().rules.count_upstream {
            return Ok(here(count::answer(Arc::new(turn)).await?, telling));
        }
        let permit = judged(turn.wire.as_ref(), "open", || self.admit())?;
        let loop_guard = next_hop(turn.header(&egress::LOOP_GUARD), &self.host_id)?;
        match prepare(self, &turn).await? {
            Prepared::Local(text) => Ok(here(local::answer(&turn, text)?, telling)),
            Prepared::Forward(conversation, edits) => {
                telling.record().session(conversation.id());
                if turn.wire.is_some() || self.must_discover(&turn.model) {
                    Box::pin(self.discover(&turn)).await;
                }
                let drive = self.drive((turn, edits), conversation, loop_guard, permit, telling)?;
                if drive.job.turn.may_commit() {
                    return drive.committing().await;
                }
                if drive.thinks() { Box::pin(drive.think_and_run(None)).await } else { drive.run(None).await }
            }
        }
    }

    /// Plans a turn and collects what it needs. No future: what it moves is moved once.
    fn drive(
        self: &Arc<Self>,
        (turn, edits): (Turn, Edits),
        conversation: Conversation,
        loop_guard: HeaderValue,
        permit: OwnedSemaphorePermit,
        telling: &mut Telling,
    ) -> Result<Drive, Fault> {
        let ask = Ask {
            header: turn.header(drive::ROUTE_HEADER),
            rotation: self.rotation_for(&turn),
            ..ask(conversation.session(), conversation.settings(), &turn.model)
        };
        let (planned, budgets) = {
            let planner = self.planner.load();
            (planner.plan(&ask)?, planner.rules.budgets)
        };
        judged(turn.wire.as_ref(), "grants", || self.allow(&planned.plan, turn.client.as_deref()))?;
        let may_commit = turn.may_commit();
        let budgets = Budgets { commit_after: budgets.commit_after.filter(|_| may_commit), ..budgets };
        let budgets = self.budgets_for(&planned, budgets);
        let health = self.health_for(&planned);
        let (engine, session, through) = (Arc::clone(self), conversation.id(), Vec::new());
        let project_dir = conversation.settings().project_dir.clone();
        let (record, role) = (telling.record(), Role::Answer);
        let n_drawn = chance::drawn(&through);
        let job = Job {
            engine,
            turn,
            edits,
            planned,
            loop_guard,
            session,
            project_dir,
            through,
            record,
            n_drawn,
            role,
        };
        let (job, permit, conversation) = (Arc::new(job), Some(permit), Some(conversation));
        let telling = std::mem::take(telling);
        Ok(Drive { job, budgets, began: drive::now(), permit, health, conversation, telling })
    }

    /// May `client` ask for this plan?
    ///
    /// # Errors
    /// 403, with what it may not ask for.
    pub(crate) fn allow(&self, plan: &Plan, client: Option<&Client>) -> Result<(), Fault> {
        let Some(client) = client else { return Ok(()) };
        let lists = Lists { backends: &self.planner.load().backends, prices: self.prices.as_ref() };
        allowed(plan, client, &lists)
    }

    /// How many turns were planned before this one.
    pub(crate) fn rotation_for(&self, turn: &Turn) -> u64 {
        let fresh = self.next_rotation();
        turn.wire.as_ref().map_or(fresh, |wire| wire.rotation(fresh))
    }

    fn next_rotation(&self) -> u64 {
        self.rotation.fetch_add(1, Ordering::Relaxed)
    }

    fn admit(&self) -> Result<OwnedSemaphorePermit, Fault> {
        Arc::clone(&self.open_turns).try_acquire_owned().map_err(|_| {
            let fault = Fault::host(Kind::Unavailable, "as many turns as this host serves are open")
                .code("too_many_turns");
            fault
                .retry(Retry::After(Duration::from_secs(1)))
                .hint("limits.concurrent_turns says how many may be")
        })
    }

    /// With nowhere else to go, the client gets the fault at once: it knows best how to retry.
    pub(crate) fn budgets_for(&self, planned: &Planned, budgets: Budgets) -> Budgets {
        let attempts_max = if planned.is_alone { 1 } else { budgets.attempts_max };
        Budgets { attempts_max, ..budgets }
    }

    pub(crate) fn health_for(&self, planned: &Planned) -> Arc<Mutex<Health>> {
        Arc::clone(if planned.is_alone { &self.no_health } else { &self.health })
    }

    /// The models of every backend that is ready, asked at the same time.
    pub async fn offers(&self, refresh: bool) -> Vec<Offer> {
        let backends = self.backends();
        let ready = backends.iter().filter(|backend| backend.is_ready());
        let offers = join_all(ready.map(|backend| self.offer(backend, refresh))).await;
        for offer in &offers {
            if let Freshness::Fallback(fault) = &offer.freshness {
                tracing::info!(backend = offer.backend.name(), %fault, "no live model list");
            }
        }
        offers
    }

    /// The models of one backend.
    pub async fn offer(&self, backend: &Arc<Backend>, refresh: bool) -> Offer {
        let backend = Arc::clone(backend);
        let scope = self.scope(Arc::clone(&backend), 0, &self.host_id);
        let (models, freshness) = self.models.get(scope, refresh).await;
        self.take_news();
        Offer { backend, models, freshness }
    }

    pub(crate) const fn means(&self) -> &Arc<Means> {
        &self.means
    }

    pub(crate) const fn host_id(&self) -> &HeaderValue {
        &self.host_id
    }

    pub(crate) fn backend(&self, name: &str) -> Result<Arc<Backend>, Fault> {
        self.planner.load().backends.get(name).map(Arc::clone).ok_or_else(|| no_backend(name))
    }

    pub(crate) fn scope(&self, backend: Arc<Backend>, key: usize, loop_guard: &HeaderValue) -> Scope {
        Scope::new(Arc::clone(&self.means), backend, key, loop_guard.clone())
    }
}

/// An answer of the host's own.
fn here(reply: Reply, telling: &mut Telling) -> Reply {
    if let ReplyBody::Full(bytes) = &reply.body {
        telling.ended_here(bytes.as_ref().map_or(0, bytes::Bytes::len));
    }
    reply
}
