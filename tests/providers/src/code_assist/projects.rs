//! Projects of Code Assist: who has one, who is brought in, and who pays.
//! Source: google-gemini/gemini-cli, `packages/core/src/code_assist/types.ts`; the wire as Gemini CLI speaks it.
use crate::judge::Judge;
use serde_json::{Value, json};

/// The project of a team, which has a licence.
pub(crate) const TEAM: &str = "team-proj";

#[derive(Debug, Default)]
pub(crate) struct Projects {
    /// Accounts that are in, each with its project.
    pub(crate) known: Vec<(usize, String)>,
    /// Operations that run: the account, its project, and how often it is still pending.
    open: Vec<(usize, String, usize)>,
    /// How often anybody has asked.
    pub(crate) n_asked: usize,
    /// Is it Antigravity that asks?
    pub(crate) is_antigravity: bool,
}

impl Projects {
    pub(crate) fn of(&self, account: usize) -> Option<&str> {
        self.known.iter().find(|(own, _)| *own == account).map(|(_, project)| project.as_str())
    }

    fn metadata(&self, judge: &mut Judge, metadata: &Value, project: &Value) {
        let want = match self.is_antigravity {
            true => json!({"ideType": "ANTIGRAVITY"}),
            false => {
                json!({"ideType": "IDE_UNSPECIFIED", "platform": "PLATFORM_UNSPECIFIED", "pluginType": "GEMINI"})
            }
        };
        let mut told = metadata.clone();
        let duet = told.as_object_mut().and_then(|told| told.remove("duetProject")).unwrap_or_default();
        judge.must(told == want, format!("the metadata {metadata}"));
        judge.must(duet == *project, format!("the duet project {duet} beside {project}"));
    }

    pub(crate) fn load(&mut self, judge: &mut Judge, account: usize, body: &Value) -> Value {
        self.n_asked += 1;
        let asked = judge.object("load", body, &["cloudaicompanionProject", "metadata", "mode"]);
        self.metadata(judge, asked.get("metadata"), asked.get("cloudaicompanionProject"));
        match self.of(account) {
            Some(project) => {
                json!({"currentTier": {"id": "standard-tier"}, "cloudaicompanionProject": project})
            }
            None => json!({"allowedTiers": [
                {"id": "free-tier", "isDefault": true, "userDefinedCloudaicompanionProject": false},
                {"id": "standard-tier", "userDefinedCloudaicompanionProject": true}]}),
        }
    }

    pub(crate) fn onboard(&mut self, judge: &mut Judge, account: usize, body: &Value) -> Value {
        let project = if self.is_antigravity {
            let asked = judge.object("onboard", body, &["tier_id", "metadata"]);
            judge.word("tier_id", asked.get("tier_id"), &["free-tier"]);
            judge.must(asked.get("metadata")["ide_type"] == "ANTIGRAVITY", "another editor");
            format!("auto-{account}")
        } else {
            let asked = judge.object("onboard", body, &["tierId", "cloudaicompanionProject", "metadata"]);
            self.metadata(judge, asked.get("metadata"), asked.get("cloudaicompanionProject"));
            match judge.word("tierId", asked.get("tierId"), &["free-tier", "standard-tier"]).as_str() {
                "free-tier" => {
                    judge.must(!asked.has("cloudaicompanionProject"), "the free tier takes no project");
                    format!("auto-{account}")
                }
                _ => judge.word("cloudaicompanionProject", asked.get("cloudaicompanionProject"), &[TEAM]),
            }
        };
        self.open.push((account, project, 1));
        json!({"name": format!("operations/onb-{account}"), "done": false})
    }

    pub(crate) fn operation(&mut self, judge: &mut Judge, account: usize, name: &str) -> Value {
        judge.must(name == format!("onb-{account}"), format!("the operation {name} of somebody else"));
        let Some(open) = self.open.iter_mut().find(|(own, ..)| *own == account) else {
            judge.complain(format!("there is no operation {name}"));
            return Value::Null;
        };
        if open.2 > 0 {
            open.2 -= 1;
            return json!({"name": format!("operations/{name}"), "done": false});
        }
        let project = open.1.clone();
        self.known.push((account, project.clone()));
        json!({"name": format!("operations/{name}"), "done": true, "response": {"cloudaicompanionProject": {"id": project, "name": project}}})
    }
}
