//! What an agent's failures mean for a turn.
use crate::acp::rpc::{AUTH_REQUIRED, RpcError};
use crate::launch::Exit;
use base::{Fault, Kind, Retry};

/// An agent answered with an error. It lives, and the next turn may be better.
pub(crate) fn of_rpc(error: &RpcError, login_hint: &str) -> Fault {
    let kind = match error.code.0 {
        AUTH_REQUIRED => Kind::Unauthorized,
        // Agents hand on the status that their own provider answered.
        code @ 400..=599 => Kind::from_status(u16::try_from(code).unwrap_or(502)),
        _ => Kind::BadGateway,
    };
    let fault = Fault::upstream(kind, format!("the agent answered: {}", error.text())).code("agent_error");
    match kind {
        Kind::Unauthorized if !login_hint.is_empty() => fault.hint(login_hint),
        _ => fault,
    }
}

/// An agent ended, or closed its output.
pub(crate) fn ended(exit: Option<Exit>, last_words: &str) -> Fault {
    let how = match exit {
        Some(Exit { code: Some(code), .. }) => format!("the agent ended with exit code {code}"),
        Some(Exit { signal: Some(signal), .. }) => format!("the agent was ended by signal {signal}"),
        Some(_) => "the agent ended".to_owned(),
        None => "the agent closed its output".to_owned(),
    };
    let sentence = if last_words.is_empty() { how } else { format!("{how}; its last words: {last_words}") };
    Fault::upstream(Kind::BadGateway, sentence).code("agent_ended")
}

/// An agent did not answer in time.
pub(crate) fn silent(what: &str, seconds: u64) -> Fault {
    Fault::upstream(Kind::Timeout, format!("the agent {what} for {seconds} s")).code("agent_timeout")
}

/// An agent's output is no ACP.
pub(crate) fn nonsense(why: &str) -> Fault {
    Fault::upstream(Kind::BadGateway, format!("the agent does not speak ACP: {why}")).code("agent_protocol")
}

/// Nobody can be started at the moment.
pub(crate) fn crowded(sentence: String) -> Fault {
    let fault = Fault::host(Kind::Unavailable, sentence).code("too_many_agents");
    fault
        .retry(Retry::Elsewhere)
        .hint("agents.processes and the backend's processes say how many may run; lip agents lists them")
}
