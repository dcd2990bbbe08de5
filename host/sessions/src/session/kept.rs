//! A session as bytes, for stores outside this process. Who reads them believes nothing of them.
use super::{HIDDEN_MAX, HiddenList, Session};
use crate::hash::{Chain, MessageHash, Scope, SessionId};
use crate::splice::{Hidden, Splice};
use crate::store::UnixMs;
use base::{NamedRoute, RouteOverrides, Sampling, SessionSettings};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// The form that this version writes; others are not read.
const FORM: u8 = b'1';
/// The largest session that is kept outside, in bytes. A thousand hidden messages take about 100 KiB.
pub const KEPT_BYTES_MAX: usize = 512 << 10;

type Cuts = Vec<(usize, usize, usize)>;

#[derive(Serialize, Deserialize)]
struct Kept<'a> {
    turns: u64,
    first: bool,
    rests: u32,
    tips: [Option<u128>; 2],
    created: UnixMs,
    used: UnixMs,
    #[serde(default, skip_serializing_if = "Option::is_none", borrow)]
    settings: Option<Settings<'a>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    hidden: Vec<(u128, Action)>,
}

#[derive(Serialize, Deserialize)]
enum Action {
    Drop,
    DropReply,
    Cut(Cuts),
}

/// What a user has set, in the words of selectors and commands.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Settings<'a> {
    backend: Option<String>,
    model: Option<String>,
    route: Option<String>,
    oneoff: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    named: BTreeMap<String, (String, Vec<String>)>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    top_k: Option<u32>,
    #[serde(borrow)]
    effort: Option<&'a str>,
    #[serde(borrow)]
    verbosity: Option<&'a str>,
    thinking_budget: Option<u32>,
    gemini: Option<String>,
    project: Option<String>,
    project_dir: Option<String>,
    prefix: Option<String>,
    interactive: Option<bool>,
}

impl Session {
    /// The session as bytes; none if it is larger than [`KEPT_BYTES_MAX`].
    pub fn to_kept(&self) -> Option<Vec<u8>> {
        let kept = Kept {
            turns: self.turns,
            first: self.first_taken,
            rests: self.thinker_rests,
            tips: self.tips.map(|tip| tip.map(|Chain(bits)| u128::from_le_bytes(bits))),
            created: self.created,
            used: self.used,
            settings: self.settings.as_deref().map(Settings::of),
            hidden: self.hidden().map(kept_hidden).collect(),
        };
        let mut bytes = vec![FORM];
        serde_json::to_writer(&mut bytes, &kept).ok()?;
        (bytes.len() <= KEPT_BYTES_MAX).then_some(bytes)
    }

    /// Reads what [`Self::to_kept`] wrote; none if it is anything else.
    pub fn from_kept(id: SessionId, scope: Scope, version: u64, bytes: &[u8]) -> Option<Self> {
        let text = bytes.strip_prefix(&[FORM]).filter(|_| bytes.len() <= KEPT_BYTES_MAX)?;
        let kept: Kept<'_> = serde_json::from_slice(text).ok()?;
        let mut hidden = HiddenList::default();
        for (message, action) in kept.hidden.into_iter().take(HIDDEN_MAX) {
            hidden.push(Hidden { message: MessageHash(message.to_le_bytes()), splice: action.into() });
        }
        Some(Self {
            id,
            scope,
            version,
            turns: kept.turns,
            first_taken: kept.first,
            thinker_rests: kept.rests,
            settings: kept.settings.map(|settings| Arc::new(settings.into())),
            hidden: (!hidden.list.is_empty()).then(|| Arc::new(hidden)),
            tips: kept.tips.map(|tip| tip.map(|bits| Chain(bits.to_le_bytes()))),
            created: kept.created,
            used: kept.used,
        })
    }
}

fn kept_hidden(hidden: &Hidden) -> (u128, Action) {
    let action = match &hidden.splice {
        Splice::Drop => Action::Drop,
        Splice::DropReply => Action::DropReply,
        Splice::Cut(spans) => {
            Action::Cut(spans.iter().map(|(part, span)| (*part, span.start, span.end)).collect())
        }
    };
    (u128::from_le_bytes(hidden.message.0), action)
}

impl From<Action> for Splice {
    fn from(action: Action) -> Self {
        match action {
            Action::Drop => Self::Drop,
            Action::DropReply => Self::DropReply,
            Action::Cut(cuts) => {
                // Collected from its own vector it would keep the room of it, which is larger.
                let mut spans = Vec::with_capacity(cuts.len());
                spans.extend(
                    cuts.iter().map(|(part, start, end)| (*part, Range { start: *start, end: *end })),
                );
                Self::Cut(spans)
            }
        }
    }
}

impl Settings<'_> {
    fn of(settings: &SessionSettings) -> Self {
        let SessionSettings { route, sampling, project, project_dir, command_prefix, interactive_mode } =
            settings;
        let RouteOverrides { backend, model, route, oneoff, named } = route.clone();
        let named = named.into_iter();
        let named = named.map(|(name, made)| (name, (made.policy.name().to_owned(), made.elements)));
        Self {
            backend,
            model,
            route,
            oneoff,
            named: named.collect(),
            temperature: sampling.temperature,
            top_p: sampling.top_p,
            top_k: sampling.top_k,
            effort: sampling.reasoning_effort.map(base::Effort::name),
            verbosity: sampling.verbosity.map(base::Verbosity::name),
            thinking_budget: sampling.thinking_budget,
            gemini: sampling.gemini_generation_config.clone(),
            project: project.clone(),
            project_dir: project_dir.clone(),
            prefix: command_prefix.clone(),
            interactive: *interactive_mode,
        }
    }
}

impl From<Settings<'_>> for SessionSettings {
    /// A word that is not known sets nothing.
    fn from(kept: Settings<'_>) -> Self {
        let named = kept.named.into_iter().map(|(name, (policy, elements))| {
            (name, NamedRoute { policy: policy.parse().unwrap_or_default(), elements })
        });
        Self {
            route: RouteOverrides {
                backend: kept.backend,
                model: kept.model,
                route: kept.route,
                oneoff: kept.oneoff,
                named: named.collect(),
            },
            sampling: Sampling {
                temperature: kept.temperature,
                top_p: kept.top_p,
                top_k: kept.top_k,
                reasoning_effort: kept.effort.and_then(|word| word.parse().ok()),
                verbosity: kept.verbosity.and_then(|word| word.parse().ok()),
                thinking_budget: kept.thinking_budget,
                gemini_generation_config: kept.gemini,
            },
            project: kept.project,
            project_dir: kept.project_dir,
            command_prefix: kept.prefix.filter(|prefix| !prefix.is_empty()),
            interactive_mode: kept.interactive,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::message_hash;
    use crate::session::Update;
    use base::SessionChange as Change;

    fn full() -> Session {
        let mut session = Session::new(SessionId::from_random([7; 16]), Scope::new("me"), 5);
        let hidden = |splice| Hidden { message: message_hash("user", [&b"x"[..]]), splice };
        let route = NamedRoute { policy: base::RoutePolicy::Km, elements: vec!["a:b".into()] };
        session.apply(
            Update {
                changes: vec![
                    Change::Backend(Some("b".into())),
                    Change::Model(Some("m\"ü".into())),
                    Change::Oneoff(Some("o:x".into())),
                    Change::Temperature(Some(0.3)),
                    Change::ReasoningEffort(Some(base::Effort::Xhigh)),
                    Change::ThinkingBudget(Some(512)),
                    Change::GeminiGenerationConfig(Some("{}".into())),
                    Change::Project(Some("p".into())),
                    Change::ProjectDir(Some("/p".into())),
                    Change::CommandPrefix(Some("$/".into())),
                    Change::InteractiveMode(Some(false)),
                    Change::PutRoute("fast".into(), route),
                ],
                counts_turn: true,
                takes_first: true,
                thinker_rests: Some(2),
                hidden: vec![
                    hidden(Splice::Drop),
                    hidden(Splice::DropReply),
                    hidden(Splice::Cut(vec![(1, 0..9)])),
                ],
                tip: Some(Chain::default()),
                ..Update::default()
            },
            9,
        );
        session
    }

    #[test]
    fn sessions_are_read_as_they_were_written() {
        let plain = Session::new(SessionId::from_random([7; 16]), Scope::new("me"), 5);
        for session in [plain, full()] {
            let bytes = session.to_kept().expect("small");
            let read = Session::from_kept(session.id, session.scope, 3, &bytes);
            assert_eq!(read, Some(Session { version: 3, ..session }));
        }
    }

    #[test]
    fn other_bytes_are_no_session() {
        let (id, scope) = (full().id, full().scope);
        let good = full().to_kept().expect("small");
        for n in 0..good.len() {
            assert_eq!(Session::from_kept(id, scope, 1, &good[..n]), None, "{n}");
            let mut bad = good.clone();
            bad[n] ^= 0x55;
            // Whatever it says, reading it ends.
            let _ = Session::from_kept(id, scope, 1, &bad);
        }
        assert_eq!(Session::from_kept(id, scope, 1, &[b"2", &good[1..]].concat()), None);
        let nested = [b"1".to_vec(), b"[".repeat(100_000)].concat();
        assert_eq!(Session::from_kept(id, scope, 1, &nested), None);
    }
}
