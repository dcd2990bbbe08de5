//! Notices a request that comes back to the host which sent it.
use base::{Fault, Kind};
use http::HeaderValue;

/// More hosts than any sane chain has.
const HOPS_MAX: usize = 8;

/// The header's value for the next hop: what came in, and `own`.
///
/// # Errors
/// 508 when `own` is already in the list or the list is too long. A value that names no host, such as `1`, is one unknown hop.
pub(crate) fn next_hop(came_in: Option<&str>, own: &HeaderValue) -> Result<HeaderValue, Fault> {
    let Some(came_in) = came_in else { return Ok(own.clone()) };
    let own = own.to_str().unwrap_or_default();
    let hops: Vec<&str> = came_in.split(',').map(str::trim).filter(|h| !h.is_empty()).collect();
    let looped = |sentence: String| Err(Fault::client(Kind::Loop, sentence).code("request_loop"));
    if hops.contains(&own) {
        let fault =
            Fault::client(Kind::Loop, "the request came back to the host that sent it").code("request_loop");
        return Err(fault.hint("A backend's base URL points at this very host: change it"));
    }
    if hops.len() >= HOPS_MAX {
        return looped(format!("the request has passed {} hosts already", hops.len()));
    }
    let list = hops.iter().copied().chain([own]).collect::<Vec<_>>().join(",");
    HeaderValue::try_from(list)
        .map_err(|e| Fault::client(Kind::BadRequest, "the loop guard header is malformed").source(e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_id_or_long_chain_is_a_loop() {
        assert_eq!(next_hop(None, &HeaderValue::from_static("a")).expect("first"), "a");
        assert_eq!(next_hop(Some("1"), &HeaderValue::from_static("a")).expect("unknown hop"), "1,a");
        assert_eq!(next_hop(Some("x, y"), &HeaderValue::from_static("a")).expect("two hops"), "x,y,a");
        assert_eq!(next_hop(Some("x,a"), &HeaderValue::from_static("a")).expect_err("loop").status(), 508);
        assert_eq!(
            next_hop(Some("1,2,3,4,5,6,7,8"), &HeaderValue::from_static("a")).expect_err("long").status(),
            508
        );
    }
}
