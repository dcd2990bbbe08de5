//! Selectors as text that reads back to the same selector.
use super::{BackendName, Branch, Lane, Leaf, Selector, Several, Share, Step, Weighted};
use base::Sampling;
use std::{
    fmt::{self, Display, Write},
    num::NonZeroU32,
};

fn joined<T: Display>(f: &mut fmt::Formatter<'_>, items: &[T], by: char) -> fmt::Result {
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            f.write_char(by)?;
        }
        write!(f, "{item}")?;
    }
    Ok(())
}

impl Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(branch) => write!(f, "{branch}"),
            Self::Failover(steps) => joined(f, steps, '|'),
            Self::Weighted(weighted) => write!(f, "{weighted}"),
            Self::Race(lanes) => joined(f, lanes, '!'),
            Self::Thinking { thinker, executor } => write!(f, "[thinker]{thinker}^{executor}"),
        }
    }
}

impl Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leg(branch) => write!(f, "{branch}"),
            Self::Race(lanes) => joined(f, lanes, '!'),
        }
    }
}

impl<T: Display> Display for Several<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        joined(f, self, ' ')
    }
}

impl Display for Weighted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, share) in self.shares.iter().enumerate() {
            if i > 0 {
                f.write_char('^')?;
            }
            if self.first == Some(i) {
                f.write_str("[first]")?;
            }
            if self.thinker == Some(i) {
                f.write_str("[thinker]")?;
            }
            write!(f, "{share}")?;
        }
        Ok(())
    }
}

impl Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.weight != NonZeroU32::MIN {
            write!(f, "[weight={}]", self.weight)?;
        }
        write!(f, "{}", self.branch)
    }
}

impl Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.handicap.is_zero() {
            write!(f, "[handicap={}]", self.handicap.as_secs_f64())?;
        }
        if let Some(limit) = self.ttft_timeout {
            write!(f, "[ttft_timeout={}]", limit.as_secs_f64())?;
        }
        write!(f, "{}", self.branch)
    }
}

impl Display for Branch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(tokens) = self.max_context {
            write!(f, "[max_context={tokens}]")?;
        }
        write!(f, "{}", self.leaf)
    }
}

impl Display for BackendName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Display for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(backend) = self.backend() {
            write!(f, "{backend}:")?;
        }
        escaped_model(f, self.model(), self.backend().is_none())?;
        parameters(f, self.params())
    }
}

/// Writes a model so that it reads back: outside balanced brackets the operators are escaped.
fn escaped_model(f: &mut fmt::Formatter<'_>, model: &str, at_start: bool) -> fmt::Result {
    let brackets = super::leaf::balanced(model) && !(at_start && model.starts_with('['));
    let mut depth = 0_usize;
    for (i, c) in model.char_indices() {
        match c {
            '[' if brackets => depth += 1,
            ']' if brackets => depth = depth.saturating_sub(1),
            _ => {}
        }
        let verbatim = brackets && (depth > 0 || c == ']');
        let special = match c {
            '!' | '|' | '^' | '?' | '[' | ']' => true,
            '%' => super::leaf::escape_at(&model[i..]).is_some(),
            _ => false,
        };
        if special && !verbatim {
            write!(f, "%{:02X}", u32::from(c))?;
        } else {
            f.write_char(c)?;
        }
    }
    Ok(())
}

fn parameters(f: &mut fmt::Formatter<'_>, params: &Sampling) -> fmt::Result {
    let values: [(&str, Option<String>); 5] = [
        ("temperature", params.temperature.map(|v| v.to_string())),
        ("top_p", params.top_p.map(|v| v.to_string())),
        ("top_k", params.top_k.map(|v| v.to_string())),
        ("reasoning_effort", params.reasoning_effort.map(|v| v.to_string())),
        ("verbosity", params.verbosity.map(|v| v.to_string())),
    ];
    let mut by = '?';
    for (name, value) in values {
        if let Some(value) = value {
            write!(f, "{by}{name}={value}")?;
            by = '&';
        }
    }
    Ok(())
}
