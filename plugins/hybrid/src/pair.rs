//! The selector of the two phases: `[backend:model?params,backend:model?params]`.
use lip_plugin::{Error, Result};

/// Which model reasons and which one answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) reasoning: Half,
    pub(crate) execution: Half,
}

/// One `backend:model?params`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Half {
    /// As it goes to the host, whole.
    pub(crate) selector: String,
    /// The backend, with its instance.
    pub(crate) backend: String,
    /// The model without parameters.
    pub(crate) model: String,
    /// Does the selector itself say how hard to think?
    pub(crate) names_effort: bool,
}

impl Half {
    /// The backend id, without the instance.
    pub(crate) fn family(&self) -> &str {
        self.backend.split('.').next().unwrap_or(&self.backend)
    }

    /// `backend:model`.
    pub(crate) fn name(&self) -> String {
        format!("{}:{}", self.backend, self.model)
    }

    fn read(text: &str) -> Result<Self> {
        let selector = text.trim();
        if let Some(operator) = selector.chars().find(|c| matches!(c, '|' | '^' | '!' | '[' | ']')) {
            let told = format!("\"{selector}\" holds `{operator}`, and each half is one model");
            return Err(wrong(told).hint("Write routes around it: hybrid:[a:x,b:y]|c:z"));
        }
        let (name, query) = selector.split_once('?').unwrap_or((selector, ""));
        let parts = name.split_once(':').map(|(backend, model)| (backend.trim(), model.trim()));
        let Some((backend, model)) = parts.filter(|(backend, model)| is_name(backend) && !model.is_empty())
        else {
            return Err(wrong(format!("\"{selector}\" is no backend:model")));
        };
        let names_effort = query.split('&').any(|pair| {
            pair.split_once('=')
                .is_some_and(|(key, value)| key.trim() == "reasoning_effort" && !value.trim().is_empty())
        });
        let (backend, model) = (backend.to_owned(), model.to_owned());
        Ok(Self { selector: selector.to_owned(), backend, model, names_effort })
    }
}

impl Pair {
    /// Reads what stands behind `hybrid:`.
    ///
    /// # Errors
    /// `bad_request` with the form that is expected.
    pub(crate) fn read(model: &str) -> Result<Self> {
        let inner = model.trim().strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let inner = inner.ok_or_else(|| wrong("the two models stand in square brackets"))?;
        let halves = split(inner);
        let [reasoning, execution] = &halves[..] else {
            return Err(wrong(format!("two models are wanted, here are {}", halves.len())));
        };
        Ok(Self { reasoning: Half::read(reasoning)?, execution: Half::read(execution)? })
    }
}

/// At commas that end a selector: its model may hold commas before its colon came, and a value of its parameters may too.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut start) = (Vec::new(), 0);
    for (at, _) in text.match_indices(',') {
        let (part, rest) = (text.get(start..at).unwrap_or_default(), text.get(at + 1..).unwrap_or_default());
        if part.contains(':') && (!part.contains('?') || begins_anew(rest)) {
            parts.push(part);
            start = at + 1;
        }
    }
    parts.push(text.get(start..).unwrap_or_default());
    parts
}

/// Does `name:` stand here?
fn begins_anew(rest: &str) -> bool {
    rest.split_once(':').is_some_and(|(name, _)| is_name(name.trim()))
}

fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    !name.is_empty() && name.bytes().all(plain)
}

fn wrong(what: impl std::fmt::Display) -> Error {
    let error = Error::bad_request(format!("the model of a hybrid backend cannot be read: {what}"));
    error
        .param("model")
        .client_code("invalid_hybrid_selector")
        .hint("Write hybrid:[backend:model,backend:model]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_split_where_one_ends() {
        let names =
            |text: &str| Pair::read(text).map(|pair| (pair.reasoning.selector, pair.execution.selector));
        for (text, reasoning, execution) in [
            ("[openai:o3,anthropic:claude]", "openai:o3", "anthropic:claude"),
            (" [ a:x , b:y ] ", "a:x", "b:y"),
            ("[a:x?temperature=1,b:y?top_p=0.5]", "a:x?temperature=1", "b:y?top_p=0.5"),
            ("[a:x?stop=1,2,b:y]", "a:x?stop=1,2", "b:y"),
            ("[a:org/x,b.work:qwen3:8b]", "a:org/x", "b.work:qwen3:8b"),
        ] {
            assert_eq!(names(text).unwrap(), (reasoning.to_owned(), execution.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_no_pair_is_refused_with_the_form() {
        for (text, told) in [
            ("", "square brackets"),
            ("a:x,b:y", "square brackets"),
            ("[a:x]", "here are 1"),
            ("[a:x,b:y,c:z]", "here are 3"),
            ("[a:x,y:1,b:z]", "here are 3"),
            ("[x,b:y]", "here are 1"),
            ("[a:x,b:]", "is no backend:model"),
            ("[a:x,:y]", "is no backend:model"),
            ("[a:x|b:y,c:z]", "holds `|`"),
            ("[a:x,hybrid:[b:y,c:z]]", "here are 3"),
        ] {
            let error = Pair::read(text).unwrap_err();
            assert!(error.code() == "bad_request" && error.message().contains(told), "{text}: {error}");
        }
    }

    #[test]
    fn half_knows_its_parts() {
        let pair = Pair::read("[openai.work:o3?reasoning_effort=low,a:m?reasoning_effort=]").unwrap();
        let half = pair.reasoning;
        assert_eq!((half.family(), half.model.as_str(), half.names_effort), ("openai", "o3", true));
        assert_eq!(half.name(), "openai.work:o3");
        assert!(!pair.execution.names_effort);
    }
}
