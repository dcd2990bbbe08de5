//! Transport errors in words.
use crate::places::NotPublic;
use crate::target::Target;
use base::{Fault, Kind, Retry};
use std::error::Error;
use std::io::ErrorKind;

/// The fault behind an upstream that could not be reached.
pub(crate) fn of_connect(target: &Target, error: Box<dyn Error + Send + Sync>) -> Fault {
    if let Some(refused) = find::<NotPublic>(&*error) {
        let mut fault =
            Fault::host(Kind::Forbidden, refused.to_string()).code("private_address").retry(Retry::Elsewhere);
        fault.is_unsent = true;
        fault.status = Some(502);
        return fault.hint("Add it to egress.allow_private if it should be");
    }
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
    find::<std::io::Error>(error).map(std::io::Error::kind)
}

/// The first of this type among an error and its causes.
fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        cause = error.source();
    }
    None
}
