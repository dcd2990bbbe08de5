//! One turn over the accounts of a backend: find the project, wrap, ask, unwrap; and what follows of a refusal.
use crate::discover::{Asker, Stop, Tiers};
use crate::envelope::{self, Label};
use crate::judge::{self, Judged};
use crate::{Client, Service, answer, antigravity, models};
use lip_plugin::{Ctx, Error, Lease, Refusal, Result, Rotation, Turn, Value, Verdict, json};
use serde_json::Map;

/// Requests of one turn at the most: every account may be tried, each with a renewed token and another project.
const TRIES_MAX: usize = 24;
/// A pause that is shorter than a change of account: 3 seconds.
const PAUSE_MS_MAX: u64 = 3_000;
/// What is kept with an account: the project that was found, and for which wish.
const FOUND: &str = "resolved_project";
const FOUND_FOR: &str = "resolved_for";
/// What Gemini CLI's users are told to call a project that they do not have.
const NO_PROJECT: &str = "default";

/// Which project is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// The config's. It wins over the one that an account came with.
    pub project: Option<String>,
    /// Which tiers an account may be brought into.
    pub tiers: Tiers,
    /// The key of the config that names it, where there must be one.
    pub needed: Option<&'static str>,
}

/// How one request ended.
enum Ended {
    Served,
    Refused(Refusal),
    /// A person has to do something first.
    Person(Refusal, Option<String>),
}

/// The project of an account, as this turn knows it.
struct Found {
    account: String,
    project: String,
    /// Has Code Assist named it in this very turn?
    is_fresh: bool,
}

/// A turn while it runs.
struct Run<'a> {
    service: &'a Service,
    cx: &'a Ctx,
    turn: &'a Turn,
    model: &'a str,
    wish: &'a Wish,
    found: Option<Found>,
    /// The number of the host that is asked.
    base: usize,
    try_no: usize,
    may_pause: bool,
    may_use_credits: bool,
}

impl Service {
    /// Answers a turn in Gemini's dialect.
    ///
    /// # Errors
    /// What the client is told.
    pub async fn answer(&self, cx: &Ctx, turn: &Turn, wish: &Wish) -> Result<()> {
        let verb = if turn.stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
        self.run(cx, turn, verb, wish).await
    }

    /// Counts the tokens of a turn.
    ///
    /// # Errors
    /// As [`Service::answer`].
    pub async fn count(&self, cx: &Ctx, turn: &Turn, wish: &Wish) -> Result<()> {
        self.run(cx, turn, COUNT, wish).await
    }

    async fn run(&self, cx: &Ctx, turn: &Turn, verb: &str, wish: &Wish) -> Result<()> {
        let model = models::wire_name(&turn.model)?;
        let mut rotation = Rotation::new(cx, &model).await?;
        let mut run = Run {
            service: self,
            cx,
            turn,
            model: &model,
            wish,
            found: None,
            base: 0,
            try_no: 0,
            may_pause: true,
            may_use_credits: !self.credits.is_empty(),
        };
        while run.try_no < TRIES_MAX {
            run.try_no += 1;
            let (refusal, judged) = match run.attempt(rotation.lease(), verb).await {
                Ok(Ended::Served) => {
                    rotation.served().await;
                    return Ok(());
                }
                Ok(Ended::Person(refusal, url)) => (refusal, Judged::Account(Verdict::Blocked { url })),
                Ok(Ended::Refused(refusal)) => {
                    let judged = judge::judge(&refusal, cx.now_unix_ms());
                    if run.again(rotation.lease(), &refusal, &judged).await? {
                        continue;
                    }
                    (refusal, judged)
                }
                Err(error) if error.code() == "io" && run.has_other_base() => {
                    run.base += 1;
                    continue;
                }
                Err(error) => return Err(error),
            };
            self.next(cx, &mut rotation, &refusal, &judged).await?;
        }
        Err(Error::upstream(503, "no account of Code Assist has answered"))
    }

    /// The next account, or the error for the client.
    async fn next(
        &self,
        cx: &Ctx,
        rotation: &mut Rotation,
        refusal: &Refusal,
        judged: &Judged,
    ) -> Result<()> {
        let verdict = match judged {
            Judged::Account(verdict) => verdict.clone(),
            Judged::NotServed => Verdict::Blocked { url: None },
            Judged::Credits => Verdict::Cooling { of_model: true, until_ms: None },
            Judged::Capacity { .. } | Judged::Project => Verdict::Keep,
        };
        if rotation.goes_on(refusal, &verdict).await? {
            return Ok(());
        }
        Err(match verdict {
            Verdict::TokenRefused => rotation.still_refused(refusal, &self.instance),
            Verdict::Keep | Verdict::Cooling { .. } | Verdict::Blocked { .. } => {
                judge::error(refusal, judged, cx.now_unix_ms())
            }
        })
    }
}

const COUNT: &str = "countTokens";

impl Run<'_> {
    fn has_other_base(&self) -> bool {
        self.base + 1 < self.service.bases.len()
    }

    async fn attempt(&mut self, lease: &Lease, verb: &str) -> Result<Ended> {
        let body = if verb == COUNT {
            match self.service.client {
                Client::GeminiCli => envelope::counted(&self.turn.body, self.model)?,
                Client::Antigravity => antigravity::counted(&self.turn.body, self.model)?,
            }
        } else {
            let project = match self.project(lease).await {
                Ok(project) => project,
                Err(Stop::Refused(refusal)) => return Ok(Ended::Refused(refusal)),
                Err(Stop::Person { why, url }) => {
                    let text = json!({"error": {"code": 403, "message": why}}).to_string();
                    return Ok(Ended::Person(Refusal::new(403, Vec::new(), text.as_bytes()), url));
                }
                Err(Stop::Failed(error)) => return Err(error),
            };
            self.wrapped(&project)?
        };
        let request = self.service.post(self.base, verb).headers(self.turn.headers.iter().cloned());
        let response = self.cx.http(request.leased(lease).json(body)).await?;
        if !(200..300).contains(&response.status()) {
            return Ok(Ended::Refused(Refusal::read(response).await?));
        }
        let refusal = match verb {
            COUNT => {
                response.splice();
                None
            }
            _ if self.turn.stream => answer::stream(self.cx, response).await?,
            _ => answer::whole(self.cx, response).await?,
        };
        Ok(refusal.map_or(Ended::Served, Ended::Refused))
    }

    fn wrapped(&self, project: &str) -> Result<Vec<u8>> {
        let Turn { session, body, .. } = self.turn;
        let label = Label {
            model: self.model,
            project,
            id: envelope::new_id(session, self.cx.now_unix_ms(), self.try_no, body),
            session,
            credits: if self.may_use_credits { &self.service.credits } else { &[] },
        };
        match self.service.client {
            Client::GeminiCli => envelope::wrapped(body, label),
            Client::Antigravity => antigravity::wrapped(body, label),
        }
    }

    /// Is it worth another try with the same account?
    async fn again(&mut self, lease: &Lease, refusal: &Refusal, judged: &Judged) -> Result<bool> {
        let delay = refusal.retry_after_ms(self.cx.now_unix_ms());
        let is_vague = refusal.status == 429 && delay.is_none() && refusal.reason().is_empty();
        match judged {
            Judged::Credits if self.may_use_credits => {
                self.may_use_credits = false;
                Ok(true)
            }
            Judged::Project => self.is_elsewhere(lease).await,
            _ if self.has_other_base() && (is_vague || matches!(judged, Judged::Capacity { .. })) => {
                self.base += 1;
                Ok(true)
            }
            Judged::Account(Verdict::Cooling { .. }) if self.may_pause => {
                let Some(ms) = delay.filter(|ms| *ms < PAUSE_MS_MAX) else { return Ok(false) };
                self.may_pause = false;
                self.cx.sleep_ms(ms).await?;
                Ok(true)
            }
            Judged::Account(_) | Judged::Credits | Judged::Capacity { .. } | Judged::NotServed => Ok(false),
        }
    }

    /// A project that was found earlier may be gone by now: is there another one?
    async fn is_elsewhere(&mut self, lease: &Lease) -> Result<bool> {
        let old = match &self.found {
            Some(Found { is_fresh: false, project, .. }) => project.clone(),
            Some(Found { is_fresh: true, .. }) | None => return Ok(false),
        };
        match self.discovered(lease).await {
            Ok(project) => Ok(project != old),
            // The first refusal tells more.
            Err(Stop::Refused(_) | Stop::Person { .. }) => Ok(false),
            Err(Stop::Failed(error)) => Err(error),
        }
    }

    async fn project(&mut self, lease: &Lease) -> Result<String, Stop> {
        if let Some(found) = self.found.as_ref().filter(|found| found.account == lease.account) {
            return Ok(found.project.clone());
        }
        let wish = self.wished(lease)?.unwrap_or_default();
        let known = lease.field(FOUND);
        if !known.is_empty() && lease.field(FOUND_FOR) == wish {
            return Ok(self.found(lease, known.to_owned(), false));
        }
        self.discovered(lease).await
    }

    fn wished(&self, lease: &Lease) -> Result<Option<String>> {
        let own = Some(lease.field("project_id")).filter(|id| !id.is_empty() && *id != NO_PROJECT);
        let wish = self.wish.project.clone().or_else(|| own.map(str::to_owned));
        match self.wish.needed {
            Some(key) if wish.is_none() => {
                let remedy = "name the Google Cloud project that pays, or set GOOGLE_CLOUD_PROJECT";
                Err(Error::bad_config(key, remedy))
            }
            _ => Ok(wish),
        }
    }

    fn found(&mut self, lease: &Lease, project: String, is_fresh: bool) -> String {
        self.found = Some(Found { account: lease.account.clone(), project: project.clone(), is_fresh });
        project
    }

    /// Asks Code Assist for the project, and keeps it with the account.
    async fn discovered(&mut self, lease: &Lease) -> Result<String, Stop> {
        let wish = self.wished(lease)?;
        let (cx, service, tiers) = (self.cx, self.service, self.wish.tiers);
        let project = Asker { cx, service, lease, wish: wish.as_deref(), tiers }.project().await?;
        let mut fields = Map::new();
        fields.insert(FOUND.to_owned(), project.as_str().into());
        fields.insert(FOUND_FOR.to_owned(), Value::from(wish.unwrap_or_default()));
        // Without a store it is asked again in the next turn.
        let _ = cx.keep_with(lease, &fields).await;
        Ok(self.found(lease, project, true))
    }
}

/// Checks the name of a project.
///
/// # Errors
/// `bad_config` when it is a number, which Code Assist does not take.
pub(crate) fn project_name(key: &str, name: Option<String>) -> Result<Option<String>> {
    let name = name.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    if name.as_deref().is_some_and(|name| name.bytes().all(|b| b.is_ascii_digit())) {
        let remedy = "write the project's id, such as my-project-1, and not its number; \
                      `gcloud projects list` shows both";
        return Err(Error::bad_config(key, remedy));
    }
    Ok(name)
}

impl Wish {
    /// The project that the config names by one of `keys`, the first one first.
    ///
    /// # Errors
    /// `bad_config` when it is no text, or a number.
    pub fn read(with: &lip_plugin::Create<'_>, keys: &[&'static str], tiers: Tiers) -> Result<Self> {
        for key in keys {
            if let Some(project) = project_name(key, with.string(key)?)? {
                return Ok(Self { project: Some(project), tiers, needed: None });
            }
        }
        Ok(Self { project: None, tiers, needed: None })
    }
}
