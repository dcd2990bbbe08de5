//! The open sets of numbers. A number is never reused; an unknown one is never fatal on either side.

/// What a connector may ask of the host ([`crate::Op::kind`]).
pub mod op {
    /// An HTTP request. `meta`: JSON `{method, url, headers:[[name,value]], secret_headers:[[name,prefix,secret]], timeout_ms?}`; `body`: the
    /// request's bytes. Completion when the head has arrived: `arg` = status, `handle` = the body, `meta` = empty.
    pub const HTTP: u32 = 1;
    /// The next chunk of the body `handle`. Completion: `OK` with `body`, or `EOF`.
    pub const BODY_READ: u32 = 2;
    /// Wait `arg` milliseconds.
    pub const SLEEP: u32 = 3;
    /// The value of the secret named in `meta` (UTF-8). Only for connectors whose manifest says `reads_secret`.
    pub const SECRET_GET: u32 = 4;
    /// Reserved.
    pub const SECRET_PUT: u32 = 5;
    /// Reserved.
    pub const PROC_SPAWN: u32 = 6;
    /// Reserved.
    pub const WRITE: u32 = 7;
    /// Lets go of `handle`; an open body closes its connection.
    pub const CLOSE: u32 = 8;
    /// A small value of this instance: `meta` = JSON `{key, session?}`. Completion: `body`, or `EOF` when there is none.
    pub const KV_GET: u32 = 9;
    /// Stores `body` (at most 64 KiB): `meta` = JSON `{key, session?, ttl_ms?}`. An empty body removes the value.
    pub const KV_PUT: u32 = 10;
    /// Reserved.
    pub const FILE_READ: u32 = 11;
    /// Reserved.
    pub const LOCK: u32 = 12;
    /// Reserved.
    pub const WS_OPEN: u32 = 13;
    /// Waits on a port of this machine for the browser that a person logs in with. `meta`: JSON `{ports, path, state}`. Completion when
    /// it listens: `arg` = the port, `handle` = a body that is the callback's query once it has come. Only in the task `login`.
    pub const LISTEN_ONCE: u32 = 14;
    /// The response headers that belong to the body `handle`. Completion: `meta` = JSON `[[name, value], …]`.
    pub const HEADERS: u32 = 15;
    /// A prompt turn on an agent that the host supervises. `meta`: JSON description of the agent; `body`: the turn in dialect `lip`.
    /// Completion as for `HTTP`; the body is a stream in dialect `lip`.
    pub const AGENT_TURN: u32 = 16;
    /// Runs a turn on another selector: `meta` = JSON `{selector, stream, dialect}`; `body`: the request in that dialect.
    pub const DISPATCH: u32 = 17;
    /// A short-lived access token from the host's vault. `meta`: JSON `{scope?, without?, refused?}`: the model, accounts that are not
    /// wanted, the number of a lease whose token the upstream refused. Completion: `arg` = the lease's number `n`, `body` = JSON `{account,
    /// label?, fields?, expires_at_ms?}`; the token itself is filled into headers as the secret `token:n`. When there is none:
    /// `DENIED` with `body` = JSON `{code, client_code?, …}`, an [`crate::AbiError`] for the client.
    pub const TOKEN: u32 = 18;
    /// The models that an agent offers. `meta`: as for `AGENT_TURN`. Completion: `body` = JSON `[{id, title?}, …]`.
    pub const AGENT_MODELS: u32 = 19;
    /// Runs an agent's program once, to its end, outside of any turn. `meta`: as for `AGENT_TURN`, whose arguments are those of this
    /// run; `arg` = milliseconds that it has. Completion: `body` = JSON `{code?, stdout, stderr}`.
    pub const AGENT_COMMAND: u32 = 20;
    /// What became of the lease `arg`. `meta`: JSON `{outcome, scope?, until_ms?, why?, url?, fields?}`; `outcome`: `good`, `cooling`, `blocked`,
    /// `needs_login` or `fields` (to be kept with the account).
    pub const ACCOUNT: u32 = 21;
    /// Shows a person what to do to log in. `meta`: JSON `{url, code?, expires_in_ms?}`. Only in the task `login`.
    pub const SHOW: u32 = 22;
}

/// How an operation ended ([`crate::Completion::status`]).
pub mod status {
    /// It is done.
    pub const OK: u32 = 0;
    /// There is no more.
    pub const EOF: u32 = 1;
    /// The network, the file or the peer failed; `meta` = one sentence.
    pub const IO: u32 = 2;
    /// A deadline passed; `meta` = one sentence.
    pub const TIMEOUT: u32 = 3;
    /// Not allowed for this connector; `meta` = one sentence.
    pub const DENIED: u32 = 4;
    /// This host does not know the operation.
    pub const UNSUPPORTED: u32 = 5;
    /// Somebody else was quicker; read again.
    pub const CONFLICT: u32 = 6;
}

/// A piece of the answer ([`crate::Event::kind`]).
pub mod event {
    /// `data` = the next bytes of a streamed answer, framed as the dialect frames them. `meta` = the dialect's id, empty: the turn's.
    pub const CHUNK: u32 = 1;
    /// The host hands the body `handle` to the client itself, with its status and headers. `data` = what of it was read already, to go
    /// first. `meta` as for `CHUNK`.
    pub const SPLICE: u32 = 2;
    /// `data` = the whole answer, not streamed. `meta` as for `CHUNK`.
    pub const FULL: u32 = 3;
    /// `data` = JSON usage counts as the upstream reported them.
    pub const USAGE: u32 = 4;
    /// `data` = one sentence for the turn's trace.
    pub const NOTE: u32 = 5;
}
