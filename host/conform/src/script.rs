//! What the upstream is to say next, and what it heard.
use crate::dialect::Dialect;
use bytes::Bytes;
use std::collections::BTreeMap;

/// The answer to every request until the next script.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) content_type: &'static str,
    pub(crate) body: Bytes,
    /// Bytes per piece; 0: all at once.
    pub(crate) split: usize,
}

/// A request that reached the upstream.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) path: String,
    /// The dialect of the endpoint, if there is such an endpoint.
    pub(crate) dialect: Option<Dialect>,
    pub(crate) body: Bytes,
}

/// The pieces of a body, at least one.
pub(crate) fn pieces(body: &Bytes, split: usize) -> Vec<Bytes> {
    if split == 0 || body.len() <= split {
        return vec![body.clone()];
    }
    (0..body.len()).step_by(split).map(|at| body.slice(at..body.len().min(at + split))).collect()
}
