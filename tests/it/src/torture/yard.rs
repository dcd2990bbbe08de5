//! A host with the rogue library, and how each rogue is set to work.
use super::bystander::{Bystander, provider};
use super::rogues::{Fate, Rogue, Way};
use serde_json::json;
use stage::{Answer, Call, Connection, Lip, Upstream, library, plugins_of};
use std::fs;
use tempfile::TempDir;

/// Turns of others that succeed while and after a rogue works.
const N_MORE: usize = 6;

/// A host.
pub(crate) struct Yard {
    pub(crate) lip: Lip,
    provider: Upstream,
    _folder: TempDir,
}

impl Yard {
    /// With the library in this cage. `more`: further lines of the config.
    pub(crate) async fn in_cage(cage: &str, rogues: &[Rogue], more: &str) -> Self {
        let folder = plugins_of(&["echo", "openai"]);
        let torture = library("tests/rogues/torture", "torture");
        fs::copy(&torture, folder.path().join(torture.file_name().expect("a name"))).expect("a copy");
        let provider = provider().await;
        let instances: String = rogues
            .iter()
            .filter(|rogue| matches!(rogue.way, Way::Instance | Way::Models))
            .map(|r| format!("[backends.\"torture.{0}\"]\ntype = \"torture\"\nrogue = \"{0}\"\n", r.name))
            .collect();
        let config = format!(
            "default_backend = \"echo\"\n[plugins.library.torture]\nisolation = \"{cage}\"\n{more}\n\
             [backends.torture]\ntype = \"torture\"\n[backends.openai]\ntype = \"openai\"\napi_key = \"sk-bystander\"\n\
             api_url = \"{}\"\n{instances}",
            provider.url()
        );
        // A replay runs libraries in its own process, which these would end or never give back.
        let builder = Lip::builder().plugins_dir(folder.path()).config_toml(&config).unkept();
        let lip = builder.start().await;
        Self { lip, provider, _folder: folder }
    }

    /// The answer of a turn of `model` with this text.
    pub(crate) async fn ask(&self, model: &str, text: &str, stream: bool) -> Answer {
        let message = json!({"role": "user", "content": text});
        let body = json!({"model": model, "stream": stream, "messages": [message]}).to_string();
        self.lip.send(Call::chat(body).header("x-session-id", "rogue").header("connection", "close")).await
    }

    /// A turn of the library's that is as it should be.
    pub(crate) async fn is_calm(&self) {
        let answer = self.ask("torture:calm", "", false).await;
        is_calm(&answer);
    }

    /// A turn of the library's is as it should be, or the next one: what `rogue` left behind may end its worker after its own answer.
    pub(crate) async fn calms_down(&self, rogue: &Rogue) {
        let answer = self.ask("torture:calm", "", false).await;
        let ends_late = rogue.inproc == Fate::EndsHost && rogue.child == Fate::Refused;
        if ends_late && answer.status != 200 && answer.error()["code"] == "plugin_died" {
            return self.is_calm().await;
        }
        is_calm(&answer);
    }

    /// Sets it to work and waits for no answer: the host may not be there to give one.
    pub(crate) async fn set_off(&self, rogue: &Rogue) -> Connection {
        let model = match rogue.way {
            Way::Instance | Way::Models => format!("torture.{}:calm", rogue.name),
            Way::Turn | Way::Stream | Way::Left => format!("torture:{}", rogue.name),
        };
        let body = json!({"model": model, "stream": rogue.way == Way::Left, "messages": []}).to_string();
        let mut connection = self.lip.connect().await;
        let call = if rogue.way == Way::Models { Call::get("/v1/models") } else { Call::chat(body) };
        connection.write(&call).await;
        connection
    }

    /// What some rogues are told: whom to hurt, where to look.
    fn victim(&self, rogue: &Rogue) -> String {
        let (pid, home) = (self.lip.pid(), self.lip.home().display());
        match rogue.name {
            "kills" | "traces" | "limits-others" | "signals-by-file" => pid.to_string(),
            "connects" => self.provider.url().trim_start_matches("http://").replace("/v1", ""),
            "looks-around" => {
                format!("{home}/lip.toml\n/etc/passwd\n/proc/{pid}/environ\n/proc/self/environ")
            }
            name => name.to_owned(),
        }
    }

    /// Lets it do its worst, and says what its client saw.
    async fn set_to_work(&self, rogue: &Rogue, hoped: Fate) -> Fate {
        let (turn, instance) = (format!("torture:{}", rogue.name), format!("torture.{}:calm", rogue.name));
        let victim = self.victim(rogue);
        match rogue.way {
            Way::Turn => fate(&self.ask(&turn, &victim, false).await, hoped),
            Way::Stream => fate(&self.ask(&turn, &victim, true).await, hoped),
            Way::Instance => fate(&self.ask(&instance, &victim, false).await, hoped),
            Way::Left => {
                let connection = self.set_off(rogue).await;
                self.lip.logged(&format!("at work: {}", rogue.name)).await;
                drop(connection);
                Fate::Nothing
            }
            Way::Models => {
                let models = self.lip.send(Call::get("/v1/models")).await;
                assert!(models.status == 200 && models.text().contains("echo:"), "{}", models.text());
                Fate::Nothing
            }
        }
    }

    /// Sets it to work while others go on, to whom nothing may happen; says what its client saw.
    pub(crate) async fn let_loose(&self, rogue: &Rogue, hoped: Fate) -> Fate {
        let bystander = Bystander::of(&self.lip);
        bystander.turns(1).await;
        let seen = self.set_to_work(rogue, hoped).await;
        bystander.turns(N_MORE).await;
        bystander.end().await;
        seen
    }
}

fn is_calm(answer: &Answer) {
    assert!(answer.status == 200 && answer.text().contains("calm"), "{}", answer.text());
}

/// What an answer amounts to; `hoped` tells which words to look for.
fn fate(answer: &Answer, hoped: Fate) -> Fate {
    let text = answer.text();
    match hoped {
        _ if answer.status != 200 => {
            let error = answer.error();
            // For whoever has to find out why it was not as hoped.
            println!("{error}");
            match error["code"].as_str() {
                Some(code) => Fate::Fails(String::leak(code.to_owned())),
                None => Fate::Refused,
            }
        }
        Fate::Answers(words) if text.contains(words) => hoped,
        _ if text.contains("\"error\"") && !text.contains("[DONE]") => Fate::Cut,
        _ => Fate::Answers(String::leak(text.chars().take(300).collect())),
    }
}
