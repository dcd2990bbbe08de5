//! The corpus: cases, the documents of the vendors behind them, and which losses are declared. All of it is data in files.
use crate::check::Check;
use crate::dialect::Dialect;
use crate::ledger::Ledger;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// Everything that a run asks and expects.
#[derive(Debug)]
pub struct Corpus {
    pub(crate) cases: Vec<Case>,
    pub(crate) defaults: BTreeMap<Dialect, Side>,
    pub(crate) ledger: Ledger,
}

/// One thing that can be said, in every dialect that can say it.
#[derive(Debug)]
pub(crate) struct Case {
    /// `feature/name`.
    pub(crate) id: String,
    pub(crate) feature: String,
    pub(crate) sides: BTreeMap<Dialect, Side>,
}

/// A dialect's part in a case: what its clients ask and must get, what its upstreams must receive and answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Side {
    /// A client's request; `$model` stands for the model.
    pub(crate) ask: Option<String>,
    /// What a client adds after the answer that it echoes: messages, items, contents.
    pub(crate) then: Option<String>,
    /// Of an upstream's request.
    pub(crate) sent: Vec<Check>,
    /// Of an upstream's second request.
    pub(crate) sent_then: Vec<Check>,
    /// A whole answer.
    pub(crate) answer: Option<String>,
    /// The same as a stream.
    pub(crate) stream: Option<String>,
    /// Of a client's answer.
    pub(crate) got: Vec<Check>,
    /// Of every upstream's request of this dialect: its top-level fields (defaults only).
    pub(crate) fields: Vec<String>,
    /// The gateway answers in words of its own even to a client of the same dialect.
    pub(crate) rewritten: bool,
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    /// Bytes per piece in which a stream is written; 0: all at once.
    pub(crate) split: usize,
    /// The model that an upstream of this dialect is asked for.
    pub(crate) model: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct CaseFile {
    #[serde(rename = "about")]
    _about: String,
    openai_chat: Option<SideFile>,
    openai_responses: Option<SideFile>,
    anthropic_messages: Option<SideFile>,
    gemini: Option<SideFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct SideFile {
    ask: Option<String>,
    then: Option<String>,
    sent: String,
    sent_then: String,
    answer: Option<String>,
    stream: Option<String>,
    got: String,
    fields: String,
    rewritten: bool,
    status: u16,
    headers: BTreeMap<String, String>,
    split: usize,
    model: Option<String>,
}

impl Default for SideFile {
    fn default() -> Self {
        Self {
            ask: None,
            then: None,
            sent: String::new(),
            sent_then: String::new(),
            answer: None,
            stream: None,
            got: String::new(),
            fields: String::new(),
            rewritten: false,
            status: 200,
            headers: BTreeMap::new(),
            split: 0,
            model: None,
        }
    }
}

/// A file of the corpus that cannot be used.
#[derive(Debug)]
pub struct CorpusError {
    file: PathBuf,
    why: String,
}

impl fmt::Display for CorpusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file.display(), self.why)
    }
}

impl std::error::Error for CorpusError {}

impl Corpus {
    /// Reads the corpus of a folder: `defaults.toml`, `expressible.toml`, and `<feature>/<case>.toml`.
    ///
    /// # Errors
    /// The first file that cannot be read, and why.
    pub fn read(folder: &Path) -> Result<Self, CorpusError> {
        let defaults = case(&folder.join("defaults.toml"), "defaults")?.sides;
        let mut cases = Vec::new();
        for feature in entries(folder)?.into_iter().filter(|path| path.is_dir()) {
            let name = stem(&feature);
            for file in
                entries(&feature)?.into_iter().filter(|path| path.extension().is_some_and(|e| e == "toml"))
            {
                cases.push(case(&file, &name)?);
            }
        }
        let path = folder.join("expressible.toml");
        let ledger = Ledger::parse(&read(&path)?).map_err(|why| CorpusError { file: path.clone(), why })?;
        if let Some(unknown) = ledger.cases().find(|id| cases.iter().all(|case| case.id != **id)) {
            return Err(CorpusError { file: path, why: format!("no case is called {unknown}") });
        }
        if let Some(case) = cases.iter().find(|case| !ledger.has_documents(&case.feature)) {
            return Err(CorpusError {
                file: path,
                why: format!("no documents for the feature {}", case.feature),
            });
        }
        Ok(Self { cases, defaults, ledger })
    }
}

fn read(path: &Path) -> Result<String, CorpusError> {
    std::fs::read_to_string(path).map_err(|e| CorpusError { file: path.to_owned(), why: e.to_string() })
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, CorpusError> {
    let error = |e: std::io::Error| CorpusError { file: folder.to_owned(), why: e.to_string() };
    let paths: Result<Vec<PathBuf>, _> =
        std::fs::read_dir(folder).map_err(error)?.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut paths = paths.map_err(error)?;
    paths.sort();
    Ok(paths)
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn case(path: &Path, feature: &str) -> Result<Case, CorpusError> {
    let error = |why: String| CorpusError { file: path.to_owned(), why };
    let file: CaseFile = toml::from_str(&read(path)?).map_err(|e| error(e.to_string()))?;
    let mut sides = BTreeMap::new();
    for (dialect, side) in [
        (Dialect::Chat, file.openai_chat),
        (Dialect::Responses, file.openai_responses),
        (Dialect::Anthropic, file.anthropic_messages),
        (Dialect::Gemini, file.gemini),
    ] {
        if let Some(side) = side {
            sides.insert(dialect, self::side(side).map_err(|why| error(format!("{dialect}: {why}")))?);
        }
    }
    Ok(Case { id: format!("{feature}/{}", stem(path)), feature: feature.to_owned(), sides })
}

fn side(file: SideFile) -> Result<Side, String> {
    for (what, json) in [("ask", &file.ask), ("then", &file.then), ("answer", &file.answer)] {
        if let Some(json) = json {
            serde_json::from_str::<serde::de::IgnoredAny>(json).map_err(|e| format!("{what}: {e}"))?;
        }
    }
    Ok(Side {
        ask: file.ask,
        then: file.then,
        sent: Check::parse_all(&file.sent)?,
        sent_then: Check::parse_all(&file.sent_then)?,
        answer: file.answer,
        stream: file.stream,
        got: Check::parse_all(&file.got)?,
        fields: file.fields.split_whitespace().map(str::to_owned).collect(),
        rewritten: file.rewritten,
        status: file.status,
        headers: file.headers,
        split: file.split,
        model: file.model,
    })
}
