//! Transport errors in words.
use crate::place::Place;
use base::{Fault, Kind, Retry};
use std::error::Error;

/// The fault behind a request that got no head.
pub(crate) fn of_request(place: &Place, error: hyper_util::client::legacy::Error) -> Fault {
    let refused = error.is_connect();
    let io = find_io(&error);
    let sentence = match io {
        Some(std::io::ErrorKind::ConnectionRefused) => format!("{place} refused the connection"),
        Some(std::io::ErrorKind::TimedOut) => format!("{place} could not be reached in time"),
        Some(std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::BrokenPipe) => {
            format!("{place} closed the connection before it answered")
        }
        _ if refused => format!("{place} could not be reached"),
        _ => format!("{place} broke off before it answered"),
    };
    let kind = if io == Some(std::io::ErrorKind::TimedOut) { Kind::Timeout } else { Kind::BadGateway };
    let fault = Fault::upstream(kind, sentence).code("upstream_unreachable").source(error);
    let fault = if refused { fault.hint("Check the backend's base URL and the network") } else { fault };
    fault.retry(Retry::Soon)
}

/// The fault behind a body that ended too early.
pub(crate) fn of_body(place: &Place, error: hyper::Error) -> Fault {
    let sentence = if error.is_incomplete_message() || error.is_body_write_aborted() {
        format!("{place} broke off in the middle of the answer")
    } else {
        format!("the answer of {place} could not be read to its end")
    };
    Fault::upstream(Kind::BadGateway, sentence).code("upstream_cut").source(error)
}

/// The fault behind a body that is not what its encoding says.
pub(crate) fn of_encoding(place: &Place, error: std::io::Error) -> Fault {
    let sentence = format!("the compressed answer of {place} could not be read to its end");
    Fault::upstream(Kind::BadGateway, sentence).code("upstream_cut").source(error)
}

fn find_io(error: &(dyn Error + 'static)) -> Option<std::io::ErrorKind> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            return Some(io.kind());
        }
        cause = error.source();
    }
    None
}
