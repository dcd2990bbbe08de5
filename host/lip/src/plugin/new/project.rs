//! The files of a new connector. Decides; writes nothing.
use std::path::{Path, PathBuf};

/// What differs between the dialects' projects.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dialect {
    pub(super) id: &'static str,
    /// The provider's base URL, made up.
    path: &'static str,
    source: &'static str,
    /// What the cassette's turn looks like.
    client: &'static str,
    headers: &'static str,
    answer: &'static str,
    models: &'static str,
    turn_url: &'static str,
}

const OPENAI_MODELS: &str = r#"{\"object\":\"list\",\"data\":[{\"id\":\"model-a\",\"object\":\"model\"}]}"#;
const BEARER: &str = r#""authorization": "Bearer {api_key}""#;

pub(super) const DIALECTS: [Dialect; 4] = [
    Dialect {
        id: "openai-chat",
        path: "/v1",
        source: include_str!("openai.rs.in"),
        client: r#"{"model": "model-a", "messages": [{"role": "user", "content": "hello"}]}"#,
        headers: BEARER,
        answer: r#"{\"id\":\"c1\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"model-a\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"hi\"},\"finish_reason\":\"stop\"}]}"#,
        models: OPENAI_MODELS,
        turn_url: "/chat/completions",
    },
    Dialect {
        id: "openai-responses",
        path: "/v1",
        source: include_str!("openai.rs.in"),
        client: r#"{"model": "model-a", "input": "hello"}"#,
        headers: BEARER,
        answer: r#"{\"id\":\"resp_1\",\"object\":\"response\",\"created_at\":1,\"status\":\"completed\",\"model\":\"model-a\",\"output\":[{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"status\":\"completed\",\"content\":[{\"type\":\"output_text\",\"text\":\"hi\",\"annotations\":[]}]}]}"#,
        models: OPENAI_MODELS,
        turn_url: "/responses",
    },
    Dialect {
        id: "anthropic-messages",
        path: "/v1",
        source: include_str!("anthropic.rs.in"),
        client: r#"{"model": "model-a", "max_tokens": 64, "messages": [{"role": "user", "content": "hello"}]}"#,
        headers: r#""x-api-key": "{api_key}", "anthropic-version": "2023-06-01""#,
        answer: r#"{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"model-a\",\"content\":[{\"type\":\"text\",\"text\":\"hi\"}],\"stop_reason\":\"end_turn\",\"stop_sequence\":null,\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}"#,
        models: r#"{\"data\":[{\"id\":\"model-a\",\"type\":\"model\"}],\"has_more\":false}"#,
        turn_url: "/messages",
    },
    Dialect {
        id: "gemini",
        path: "/v1beta",
        source: include_str!("gemini.rs.in"),
        client: r#"{"contents": [{"role": "user", "parts": [{"text": "hello"}]}]}"#,
        headers: r#""x-goog-api-key": "{api_key}""#,
        answer: r#"{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"hi\"}]},\"finishReason\":\"STOP\",\"index\":0}]}"#,
        models: r#"{\"models\":[{\"name\":\"models/model-a\"}]}"#,
        turn_url: "/models/model-a:generateContent",
    },
];

/// Where the crates for authors come from.
#[derive(Debug)]
pub(super) enum Sdk {
    /// From the registry.
    Published,
    /// The folder `plugin-api` of a checkout.
    Folder(PathBuf),
}

impl Sdk {
    /// That of a checkout, by its root or its folder `plugin-api`.
    pub(super) fn of(path: &Path) -> Result<Self, String> {
        let found = [path.join("plugin-api"), path.to_owned()]
            .into_iter()
            .find(|folder| folder.join("lip-plugin/Cargo.toml").is_file());
        let told = || format!("{} holds no plugin-api/lip-plugin: name a checkout of LIP", path.display());
        let found = found.ok_or_else(told)?;
        found.canonicalize().map(Self::Folder).map_err(|e| format!("{}: {e}", found.display()))
    }

    fn dependency(&self, name: &str) -> String {
        match self {
            Self::Published => format!("{name} = \"{}\"", env!("CARGO_PKG_VERSION")),
            Self::Folder(folder) => {
                format!("{name} = {{ path = {:?} }}", folder.join(name).display().to_string())
            }
        }
    }
}

/// What is to be written.
#[derive(Debug)]
pub(super) struct Project<'a> {
    pub(super) id: &'a str,
    pub(super) dialect: Dialect,
    pub(super) sdk: Sdk,
}

impl Project<'_> {
    /// Paths in the folder, and texts.
    pub(super) fn files(&self) -> Vec<(String, String)> {
        let cassette = format!("cassettes/{}.json", self.id);
        let all = [
            ("Cargo.toml", include_str!("Cargo.toml.in")),
            ("src/lib.rs", self.dialect.source),
            ("README.md", include_str!("README.md.in")),
            (".gitignore", "/target\n"),
            (cassette.as_str(), include_str!("cassette.json.in")),
        ];
        all.iter().map(|(name, text)| ((*name).to_owned(), self.filled(text))).collect()
    }

    /// What to type next.
    pub(super) fn next(&self) -> Vec<String> {
        let file = self.library();
        vec![
            format!("cd {}", self.id),
            "edit base_url in src/lib.rs: your provider's address".to_owned(),
            "cargo build".to_owned(),
            format!("lip plugin test {file}"),
            format!("lip plugin run {file}"),
        ]
    }

    fn library(&self) -> String {
        use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
        format!("target/debug/{DLL_PREFIX}{}{DLL_SUFFIX}", self.id.replace('-', "_"))
    }

    fn filled(&self, template: &str) -> String {
        let Dialect { id: dialect, path, client, headers, answer, models, turn_url, .. } = self.dialect;
        let base = format!("https://api.{}.example{path}", self.id);
        let words = [
            ("@id@", self.id.to_owned()),
            ("@Type@", camel(self.id)),
            ("@TITLE@", camel(self.id)),
            ("@VAR@", self.id.replace('-', "_").to_ascii_uppercase()),
            ("@base@", base),
            ("@dialect@", dialect.to_owned()),
            ("@turn_url@", turn_url.to_owned()),
            ("@client@", client.to_owned()),
            ("@headers@", headers.to_owned()),
            ("@answer@", answer.to_owned()),
            ("@models@", models.to_owned()),
            ("@plugin@", self.sdk.dependency("lip-plugin")),
            ("@testkit@", self.sdk.dependency("lip-testkit")),
            ("@library@", self.library()),
        ];
        words.iter().fold(template.to_owned(), |text, (word, value)| text.replace(word, value))
    }
}

fn camel(id: &str) -> String {
    let word = |word: &str| {
        let mut chars = word.chars();
        chars.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(chars).collect::<String>()
    };
    id.split('-').map(word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_of_a_template_is_left() {
        for dialect in DIALECTS {
            let project = Project { id: "my-acme", dialect, sdk: Sdk::Published };
            for (name, text) in project.files() {
                let left = text
                    .split('@')
                    .skip(1)
                    .step_by(2)
                    .find(|word| word.chars().all(|c| c.is_ascii_alphabetic() || c == '_'));
                assert_eq!(left, None, "{name} of {}", dialect.id);
                if name.ends_with(".json") {
                    lip_testkit::cassette::Cassette::read(text.as_bytes()).unwrap();
                }
            }
        }
    }

    #[test]
    fn the_guide_shows_what_is_written() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/plugin-author/README.md");
        let page = std::fs::read_to_string(page).unwrap();
        let project = Project { id: "acme", dialect: DIALECTS[0], sdk: Sdk::Published };
        let files = project.files();
        let (_, source) = files.iter().find(|(name, _)| name == "src/lib.rs").unwrap();
        assert!(
            page.contains(source),
            "docs/plugin-author/README.md shows another project than this:\n{source}"
        );
    }

    #[test]
    fn sdk_is_a_checkout() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        for folder in [root.clone(), root.join("plugin-api")] {
            let Ok(Sdk::Folder(found)) = Sdk::of(&folder) else { panic!("{folder:?}") };
            assert!(found.ends_with("plugin-api"));
        }
        assert!(Sdk::of(Path::new("/nowhere")).is_err());
    }
}
