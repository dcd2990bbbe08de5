//! What went wrong in a turn: whose side, what kind, what may be tried next.
use std::{borrow::Cow, error::Error, fmt, sync::Arc, time::Duration};

/// Whose fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The client sent something that cannot be served.
    Client,
    /// The provider, or the way to it.
    Upstream,
    /// A connector library.
    Plugin,
    /// LIP itself or its configuration.
    Host,
}

/// What kind of fault, independent of any dialect. Each dialect maps it to the status and type that its SDKs know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The request is malformed or asks for something impossible (400).
    BadRequest,
    /// No or wrong credentials (401).
    Unauthorized,
    /// Known caller, not allowed (403).
    Forbidden,
    /// No such route, model or object (404).
    NotFound,
    /// The method does not fit the route (405).
    MethodNotAllowed,
    /// The state of an object forbids it (409).
    Conflict,
    /// The body or header is too large (413).
    TooLarge,
    /// Understood, but cannot be processed (422).
    Unprocessable,
    /// Too many requests (429).
    RateLimited,
    /// The client went away (499; never seen by the client itself).
    Cancelled,
    /// A fault inside LIP or a connector (500).
    Internal,
    /// The effect or feature is not there (501).
    Unsupported,
    /// The provider answered nonsense or the connection broke (502).
    BadGateway,
    /// Nobody can serve it at the moment (503).
    Unavailable,
    /// A deadline passed (504).
    Timeout,
    /// The provider says it is overloaded (529 at Anthropic, 503 elsewhere).
    Overloaded,
    /// The request went in a circle (508).
    Loop,
}

impl Kind {
    /// The HTTP status that says this in a dialect-neutral way.
    pub const fn status(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::Unauthorized => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::Conflict => 409,
            Self::TooLarge => 413,
            Self::Unprocessable => 422,
            Self::RateLimited => 429,
            Self::Cancelled => 499,
            Self::Internal => 500,
            Self::Unsupported => 501,
            Self::BadGateway => 502,
            Self::Unavailable => 503,
            Self::Timeout => 504,
            Self::Loop => 508,
            Self::Overloaded => 529,
        }
    }

    /// The kind that an upstream's HTTP status stands for.
    pub const fn from_status(status: u16) -> Self {
        match status {
            401 => Self::Unauthorized,
            402 | 403 => Self::Forbidden,
            404 | 410 => Self::NotFound,
            405 => Self::MethodNotAllowed,
            408 | 504 => Self::Timeout,
            409 => Self::Conflict,
            413 => Self::TooLarge,
            422 => Self::Unprocessable,
            429 => Self::RateLimited,
            499 => Self::Cancelled,
            500 => Self::Internal,
            501 => Self::Unsupported,
            503 => Self::Unavailable,
            508 => Self::Loop,
            529 => Self::Overloaded,
            400..=499 => Self::BadRequest,
            _ => Self::BadGateway,
        }
    }
}

/// What may be tried next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Trying again gives the same answer.
    Never,
    /// Another leg (backend, model, key) may succeed; this one will not.
    Elsewhere,
    /// The same leg may succeed soon; the caller chooses the back-off.
    Soon,
    /// The same leg may succeed after this time, as the upstream said.
    After(Duration),
}

/// A fault with two texts: one for the client, one chain of sources for the operator.
#[derive(Clone, Debug)]
pub struct Fault {
    /// Whose fault.
    pub side: Side,
    /// What kind.
    pub kind: Kind,
    /// What may be tried next.
    pub retry: Retry,
    /// One sentence for the client. Holds no secret.
    pub message: String,
    /// What to do about it, if anything can be done. Holds no secret.
    pub hint: Option<String>,
    /// A stable machine-readable code, such as `model_not_found`.
    pub code: Option<Cow<'static, str>>,
    /// The request field that is to blame, such as `messages[0].role`.
    pub param: Option<String>,
    /// The status that goes to the client where it differs from [`Kind::status`].
    pub status: Option<u16>,
    /// The request never left this host.
    pub is_unsent: bool,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl Fault {
    /// A fault of `side` and `kind`, not to be retried.
    pub fn new(side: Side, kind: Kind, message: impl Into<String>) -> Self {
        Self {
            side,
            kind,
            retry: Retry::Never,
            message: message.into(),
            hint: None,
            code: None,
            param: None,
            status: None,
            is_unsent: false,
            source: None,
        }
    }

    /// The client's fault.
    pub fn client(kind: Kind, message: impl Into<String>) -> Self {
        Self::new(Side::Client, kind, message)
    }

    /// The provider's fault; another leg may do better.
    pub fn upstream(kind: Kind, message: impl Into<String>) -> Self {
        Self::new(Side::Upstream, kind, message).retry(Retry::Elsewhere)
    }

    /// A connector library's fault; another leg may do better.
    pub fn plugin(kind: Kind, message: impl Into<String>) -> Self {
        Self::new(Side::Plugin, kind, message).retry(Retry::Elsewhere)
    }

    /// LIP's own fault.
    pub fn host(kind: Kind, message: impl Into<String>) -> Self {
        Self::new(Side::Host, kind, message)
    }

    /// Says what may be tried next.
    #[must_use]
    pub const fn retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// Adds the next step for the reader.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the machine-readable code.
    #[must_use]
    pub fn code(mut self, code: impl Into<Cow<'static, str>>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// Adds the path of the offending request field.
    #[must_use]
    pub fn param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// Adds the operator's cause.
    #[must_use]
    pub fn source(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// The HTTP status for the client.
    pub fn status(&self) -> u16 {
        self.status.unwrap_or_else(|| self.kind.status())
    }

    /// Message and hint in one text, as clients see it.
    pub fn public(&self) -> String {
        match &self.hint {
            Some(hint) => format!("{}. {hint}", self.message.trim_end_matches('.')),
            None => self.message.clone(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.message)?;
        let mut cause = self.source.as_deref().map(|e| e as &dyn Error);
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl Error for Fault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|e| e as &(dyn Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_and_kind_agree_for_known_statuses() {
        for status in [400, 401, 403, 404, 405, 409, 413, 422, 429, 499, 500, 501, 503, 504, 508, 529] {
            assert_eq!(Kind::from_status(status).status(), status);
        }
    }

    #[test]
    fn public_text_holds_no_source() {
        let fault = Fault::host(Kind::Internal, "internal error")
            .hint("see the log")
            .source(std::io::Error::other("disk"));
        assert_eq!(fault.public(), "internal error. see the log");
        assert_eq!(fault.to_string(), "internal error: disk");
    }
}
