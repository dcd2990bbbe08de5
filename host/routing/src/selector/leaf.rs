//! One `backend:model?params`.
use super::error::{Code, SelectorError, Warning};
use base::Sampling;

/// Prefixes that belong to the user's aliases and never name a backend.
pub(crate) const RESERVED: [&str; 2] = ["alias", "auto"];

/// `family` or `family.instance`, such as `openai` or `openai.work`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BackendName {
    whole: String,
    dot: Option<usize>,
}

impl BackendName {
    /// Reads a name of letters, digits, `_`, `-` and dots; the first dot starts the instance.
    pub fn parse(text: &str) -> Option<Self> {
        let word = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
        };
        let dot = text.find('.');
        let ok = match dot {
            Some(dot) => word(&text[..dot]) && word(&text[dot + 1..]),
            None => word(text),
        };
        ok.then(|| Self { whole: text.to_owned(), dot })
    }

    /// The name as written.
    pub fn as_str(&self) -> &str {
        &self.whole
    }

    /// The part before the first dot.
    pub fn family(&self) -> &str {
        &self.whole[..self.dot.unwrap_or(self.whole.len())]
    }

    /// The part after the first dot.
    pub fn instance(&self) -> Option<&str> {
        self.dot.map(|dot| &self.whole[dot + 1..])
    }
}

/// What to call: a model, where it is, and with which parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Leaf {
    backend: Option<BackendName>,
    model: String,
    params: Sampling,
}

impl Leaf {
    /// A leaf of its parts; `None` if the model is empty or holds control characters.
    pub fn new(backend: Option<BackendName>, model: impl Into<String>, params: Sampling) -> Option<Self> {
        let model = model.into();
        let ok = !model.trim().is_empty() && model.trim() == model && !model.contains(char::is_control);
        ok.then_some(Self { backend, model, params })
    }

    /// The backend, if one is named.
    pub const fn backend(&self) -> Option<&BackendName> {
        self.backend.as_ref()
    }

    /// The model, decoded. Never empty.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// The parameters of the query. Thinking budget and generation config are never set here.
    pub const fn params(&self) -> &Sampling {
        &self.params
    }

    /// The name with what looked like a backend put back in front: what a model such as `qwen3:8b` was before.
    pub fn unsplit(&self) -> String {
        match &self.backend {
            Some(backend) => format!("{backend}:{}", self.model),
            None => self.model.clone(),
        }
    }
}

/// True if every `[` has its `]`.
pub(super) fn balanced(text: &str) -> bool {
    let mut depth = 0_i32;
    text.bytes().all(|b| {
        depth += i32::from(b == b'[') - i32::from(b == b']');
        depth >= 0
    }) && depth == 0
}

/// The character that an escape at the start of `text` stands for, if it is one of ours.
pub(super) fn escape_at(text: &str) -> Option<char> {
    match text.get(..3)?.to_ascii_uppercase().as_str() {
        "%21" => Some('!'),
        "%7C" => Some('|'),
        "%5E" => Some('^'),
        "%3F" => Some('?'),
        "%5B" => Some('['),
        "%5D" => Some(']'),
        "%25" => Some('%'),
        _ => None,
    }
}

/// Reads the leaf at `start..end` of `text`.
pub(super) fn read(
    text: &str,
    start: usize,
    end: usize,
    warnings: &mut Vec<Warning>,
) -> Result<Leaf, SelectorError> {
    let fail = |at, message: &str| Err(SelectorError::new(text, Code::InvalidLeaf, at, message));
    let query = find_outside_brackets(&text[start..end], b'?').map_or(end, |i| start + i);
    let name = text[start..query].trim_end();
    if let Some(bad) = name.find(char::is_control) {
        return fail(start + bad, "control character in a model name");
    }
    let mut params = Sampling::default();
    if query < end {
        read_params(text, query + 1, end, &mut params, warnings);
    }
    let colon = name.find(':').filter(|&colon| !name[..colon].contains('/'));
    let (backend, model_at) = match colon {
        Some(0) => return fail(start, "backend name is missing before `:`"),
        Some(colon) if RESERVED.contains(&&name[..colon]) => (None, 0),
        Some(colon) => match BackendName::parse(&name[..colon]) {
            Some(backend) => (Some(backend), colon + 1),
            None => (None, 0),
        },
        None => (None, 0),
    };
    let model = decode(&name[model_at..]);
    let at = start + model_at;
    match Leaf::new(backend, model.trim(), params) {
        Some(leaf) => Ok(leaf),
        None => fail(at, "model name is missing"),
    }
}

fn find_outside_brackets(text: &str, wanted: u8) -> Option<usize> {
    let mut depth = 0_usize;
    text.bytes().position(|b| {
        match b {
            b'[' => depth += 1,
            b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && b == wanted
    })
}

fn decode(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut depth = 0_usize;
    let mut rest = name;
    while let Some(c) = rest.chars().next() {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        let escaped = if depth == 0 { escape_at(rest) } else { None };
        out.push(escaped.unwrap_or(c));
        rest = &rest[if escaped.is_some() { 3 } else { c.len_utf8() }..];
    }
    out
}

fn read_params(text: &str, start: usize, end: usize, params: &mut Sampling, warnings: &mut Vec<Warning>) {
    let mut at = start;
    for pair in text[start..end].split('&') {
        let (name, raw) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (name.trim(), percent_decoded(raw.trim()));
        // Blank values mean "leave it alone"; the last of several values wins.
        if !value.is_empty()
            && let Err(reason) = set_param(name, &value, params)
        {
            warnings.push(Warning { at, message: reason });
        }
        at += pair.len() + 1;
    }
}

fn set_param(name: &str, value: &str, params: &mut Sampling) -> Result<(), String> {
    let bounded = |max: f64| {
        let number: f64 =
            value.parse().map_err(|_| format!("parameter `{name}` is ignored: not a number"))?;
        let fits = (0.0..=max).contains(&number);
        fits.then_some(Some(number))
            .ok_or_else(|| format!("parameter `{name}` is ignored: not between 0 and {max}"))
    };
    match name {
        "temperature" => params.temperature = bounded(2.0)?,
        "top_p" => params.top_p = bounded(1.0)?,
        "top_k" => match value.parse() {
            Ok(0) | Err(_) => return Err("parameter `top_k` is ignored: not a whole number from 1".into()),
            Ok(number) => params.top_k = Some(number),
        },
        "reasoning_effort" => {
            params.reasoning_effort =
                Some(value.parse().map_err(|e| format!("parameter `{name}` is ignored: {e}"))?);
        }
        "verbosity" => {
            params.verbosity =
                Some(value.parse().map_err(|e| format!("parameter `{name}` is ignored: {e}"))?);
        }
        _ => {
            let name: String = name.chars().filter(|c| !c.is_control()).take(32).collect();
            return Err(format!("parameter `{name}` is unknown and ignored"));
        }
    }
    Ok(())
}

/// Percent-decodes ASCII; every value we accept is ASCII, so other bytes may stay as they are.
fn percent_decoded(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(c) = rest.chars().next() {
        let byte =
            rest.strip_prefix('%').and_then(|r| r.get(..2)).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match byte {
            Some(byte) if byte.is_ascii() => {
                out.push(char::from(byte));
                rest = &rest[3..];
            }
            _ => {
                out.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
    }
    out
}
