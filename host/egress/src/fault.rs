//! Transport errors in words.
use crate::target::Target;
use base::{Fault, Kind};
use std::error::Error;
use std::io::ErrorKind;

/// The fault behind an upstream that could not be reached.
pub(crate) fn of_connect(target: &Target, error: Box<dyn Error + Send + Sync>) -> Fault {
    let io = find_io(&*error);
    let sentence = match io {
        Some(ErrorKind::ConnectionRefused) => format!("{target} refused the connection"),
        Some(ErrorKind::TimedOut) => format!("{target} could not be reached in time"),
        _ => format!("{target} could not be reached"),
    };
    let mut fault = unreachable(sentence, io).hint("Check the backend's base URL and the network");
    fault.is_unsent = true;
    fault.source(std::io::Error::other(error))
}

/// The fault behind a request that got no head.
pub(crate) fn of_request(target: &Target, error: hyper::Error) -> Fault {
    let io = find_io(&error);
    let sentence = match io {
        Some(ErrorKind::TimedOut) => format!("{target} could not be reached in time"),
        Some(ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => {
            format!("{target} closed the connection before it answered")
        }
        _ => format!("{target} broke off before it answered"),
    };
    unreachable(sentence, io).source(error)
}

fn unreachable(sentence: String, io: Option<ErrorKind>) -> Fault {
    let kind = if io == Some(ErrorKind::TimedOut) { Kind::Timeout } else { Kind::BadGateway };
    Fault::upstream(kind, sentence).code("upstream_unreachable")
}

/// The fault behind a body that ended too early.
pub(crate) fn of_body(target: &Target, error: hyper::Error) -> Fault {
    let is_cut = matches!(find_io(&error), Some(ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset));
    let sentence = if is_cut || error.is_incomplete_message() {
        format!("{target} broke off in the middle of the answer")
    } else {
        format!("the answer of {target} could not be read to its end")
    };
    Fault::upstream(Kind::BadGateway, sentence).code("upstream_cut").source(error)
}

/// The fault behind a body that is not what its encoding says.
pub(crate) fn of_encoding(target: &Target, error: std::io::Error) -> Fault {
    let sentence = format!("the compressed answer of {target} could not be read to its end");
    Fault::upstream(Kind::BadGateway, sentence).code("upstream_cut").source(error)
}

fn find_io(error: &(dyn Error + 'static)) -> Option<ErrorKind> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            return Some(io.kind());
        }
        cause = error.source();
    }
    None
}
