//! The table of checks: what each is for and what to do when it fails. The page about testing is made from it.
use super::subject::{Kit, Verdict, Wrong, every, no_http, no_requests, no_upstream};
use super::{create, effects, life, manifest, passages, secrets, tasks, turn, upstream};
use std::fmt;

/// The page that tells of each check, below a heading that is its id.
pub const GUIDE: &str = "docs/plugin-author/testing.md";

/// What a check is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// What the library says of itself.
    Manifest,
    /// Making an instance from a config.
    Create,
    /// A turn that goes well.
    Turn,
    /// An upstream that does not do well.
    Upstream,
    /// Where secrets must not be.
    Secrets,
    /// What the host may do to effects.
    Effects,
    /// Who lives how long.
    Life,
    /// Tasks beside turns.
    Tasks,
    /// Turns that need no code.
    Passages,
}

impl Group {
    /// All, in the order of a report.
    pub const ALL: [Self; 9] = [
        Self::Manifest,
        Self::Create,
        Self::Turn,
        Self::Upstream,
        Self::Secrets,
        Self::Effects,
        Self::Life,
        Self::Tasks,
        Self::Passages,
    ];

    /// For people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Manifest => "manifest",
            Self::Create => "create",
            Self::Turn => "turn",
            Self::Upstream => "upstream",
            Self::Secrets => "secrets",
            Self::Effects => "effects",
            Self::Life => "life",
            Self::Tasks => "other tasks",
            Self::Passages => "passages",
        }
    }

    /// Do all checks of the group hold?
    ///
    /// # Errors
    /// All that fail, one below the other.
    pub fn hold(self, kit: &Kit) -> Result<(), String> {
        let own = CHECKS.iter().filter(|check| check.group == self);
        let failed = own.filter_map(|check| match check.on(kit) {
            Finding::Failed(wrong) => Some(format!("{}: {wrong}\ndocs: {}", check.id, check.docs())),
            Finding::Passed | Finding::NotApplicable(_) => None,
        });
        let failed: Vec<String> = failed.collect();
        if failed.is_empty() { Ok(()) } else { Err(failed.join("\n\n")) }
    }
}

/// One check.
#[derive(Clone, Copy)]
pub struct Check {
    /// Its name: that of its function, and of the heading in the guide.
    pub id: &'static str,
    /// What it is about.
    pub group: Group,
    /// What it finds out, as a sentence.
    pub purpose: &'static str,
    /// What to do when it fails, as a sentence.
    pub remedy: &'static str,
    unless: fn(&Kit) -> Option<&'static str>,
    run: fn(&Kit) -> Verdict,
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id)
    }
}

/// What became of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// It holds.
    Passed,
    /// It does not.
    Failed(Wrong),
    /// The library is of a kind that it says nothing about: which.
    NotApplicable(&'static str),
}

impl Check {
    /// Tries it.
    pub fn on(&self, kit: &Kit) -> Finding {
        if let Some(why) = (self.unless)(kit) {
            return Finding::NotApplicable(why);
        }
        match (self.run)(kit) {
            Ok(()) => Finding::Passed,
            Err(wrong) => Finding::Failed(wrong),
        }
    }

    /// Where the guide tells of it.
    pub fn docs(&self) -> String {
        format!("{GUIDE}#{}", self.id)
    }
}

macro_rules! checks {
    ($($group:ident, $room:ident, { $($id:ident, unless $unless:path: $purpose:literal, $remedy:literal;)+ })+) => {
        /// Every check, in the order of a report.
        pub const CHECKS: &[Check] = &[$($(Check {
            id: stringify!($id), group: Group::$group, purpose: $purpose, remedy: $remedy, unless: $unless, run: $room::$id,
        }),+),+];
    };
}

checks! {
    Manifest, manifest, {
        manifest_is_json, unless every:
            "The manifest is one JSON object or a list of them.",
            "Paste `MANIFEST` into a JSON checker; a trailing comma is the usual mistake.";
        ids_are_legal, unless every:
            "Each connector has an `id` or a `family` that users can write in a model name, and no two have the same.",
            "Write lower-case letters, digits, `.`, `_` and `-`, the first one a letter or a digit, at most 64 of them.";
        titles_are_given, unless every:
            "Each connector has a title for people, and links in `docs` are links.",
            "Name the provider in `title`; write `docs` as an https URL, or leave it out.";
        dialects_are_known, unless every:
            "`dialects` names at least one dialect that LIP knows.",
            "List what the upstream speaks, the best first: openai-chat, openai-responses, anthropic-messages, gemini, ollama or lip.";
        auth_is_known, unless every:
            "`auth` says in one of five words how the upstream knows its user, and a connector with a key says which variable holds it.",
            "Write api-key, none, oauth-personal, local-agent or virtual; with api-key also `env.api_key`.";
        variables_are_legal, unless every:
            "Variables in `env` can be set in every shell.",
            "Write them in A-Z, 0-9 and _, the first one no digit.";
        egress_is_hosts, unless every:
            "`egress` lists hosts and nothing else, and no entry allows everything.",
            "Write api.acme.example, api.acme.example:8443 or *.acme.example: no scheme, no path.";
        base_url_is_a_url, unless every:
            "The manifest's own `base_url` is an absolute URL.",
            "Write https://, a host and a path; no user and no key belong there.";
        models_are_named, unless every:
            "Models of the manifest have names with one `*` at most.",
            "Write a name, a pattern such as acme-*, or an object with an `id`.";
        config_is_a_schema, unless every:
            "`config` is a JSON schema of an object, so that editors and `lip config check` can use it.",
            "Write {\"type\": \"object\", \"properties\": {\"region\": {\"type\": \"string\", \"description\": \"…\"}}}.";
    }
    Create, create, {
        empty_config_creates, unless every:
            "An instance can be made without any config, for the environment may hold all that it needs; a key that the schema requires may be asked for.",
            "Give every key a default; keys and secrets come from the host when a turn needs them.";
        odd_config_is_no_panic, unless every:
            "Whatever stands in a key of the config, `create` answers with an instance or with a sentence.",
            "Read keys with `Create::string`, `flag`, `number` and `headers`, which say what is wrong.";
        bad_config_names_its_key, unless every:
            "A config that is refused is refused with the code `bad_config` and the name of the key.",
            "Return `Error::bad_config(\"region\", \"write eu or us\")`.";
        config_that_is_no_json_is_survived, unless every:
            "A config that is no JSON object ends in an instance or in a sentence; no host sends one.",
            "Leave the parsing to `lip-plugin`; in other languages check it first.";
        unknown_connector_is_refused, unless every:
            "An id that the manifest does not list is refused with a code and a sentence.",
            "Compare the id that `create` is given with those of the manifest.";
        instances_are_apart, unless every:
            "Two instances, whatever their names, live side by side, and the second works when the first is gone.",
            "Keep what belongs to an instance in the instance: no static, no global.";
        configured_base_url_is_used, unless no_http:
            "A configured `base_url` is where all requests of a turn go.",
            "Take the base from `Create::base_url` and append paths to it.";
    }
    Turn, turn, {
        answer_reaches_the_client, unless every:
            "A good answer, not streamed, reaches the client whole.",
            "Splice the upstream's answer; if it does not arrive, look at path, egress and the sample.";
        stream_reaches_the_client, unless every:
            "A good answer, streamed, reaches the client whole and framed as its dialect frames it.",
            "Splice the stream, or send events with `Ctx::send_sse` and end as the dialect ends.";
        chunks_may_be_cut_anywhere, unless no_upstream:
            "An answer that arrives byte by byte comes out as one that arrives at once.",
            "Collect bytes up to the end of a line or an event before you read them: `response.events()` does.";
        unknown_fields_survive, unless turn::writes_its_own:
            "A field that the connector does not know goes upstream with the others.",
            "Hand on `turn.body`, or edit it with `Object`; do not read it into a struct and write that.";
        only_declared_hosts_are_asked, unless every:
            "No task sends a request to a host that is neither in `egress` nor configured.",
            "Declare the host in `egress`, or build the URL from the base URL.";
        client_garbage_is_survived, unless every:
            "Garbage from a client costs its own turn at most.",
            "Every input is hostile: return an `Error`, never `unwrap`.";
        long_streams_come_in_pieces, unless every:
            "However long an answer is, one step gives the host a bounded number of pieces.",
            "Await `Ctx::send`: it waits while the client is slow. Do not note or send in a loop without an await.";
    }
    Upstream, upstream, {
        refusals_reach_the_client, unless no_upstream:
            "What the upstream refuses (400, 401, 403, 404, 413) is an error for the client, with that status where it is handed on.",
            "Splice errors as you splice answers, or return `Error::upstream(status, …)`.";
        throttling_reaches_the_client, unless no_upstream:
            "A 429 reaches the client or the host as one, with the time after which it is worth trying again.",
            "Splice it; or read `retry-after` from `response.headers()` and return `Error::upstream(429, …).retry_after_ms(ms)`.";
        server_errors_reach_the_client, unless no_upstream:
            "An upstream that fails (500, 502, 503, 529) is an error, so that the host can try another leg.",
            "Splice errors as you splice answers, or return `Error::upstream(status, …)`.";
        odd_statuses_are_survived, unless no_upstream:
            "Statuses that no provider should send (204, 304, 418, 600) end in an answer or in an error.",
            "Treat every status outside of 200–299 as an error.";
        dead_upstream_is_an_error, unless no_upstream:
            "No connection and no head in time are errors.",
            "Pass errors of `cx.http` on with `?`.";
        cut_answer_is_not_whole, unless no_upstream:
            "An answer that breaks off, or falls silent, never looks finished.",
            "Pass errors of `chunk()` on with `?`.";
        empty_answer_is_survived, unless no_upstream:
            "An upstream that says 200 and nothing else ends in an answer or in an error.",
            "Do not index into what you read; return an `Error` when it is not there.";
        upstream_garbage_is_survived, unless no_requests:
            "Garbage from the upstream, streamed or not, costs its own turn at most.",
            "Every input is hostile: return an `Error`, never `unwrap`.";
        huge_headers_are_survived, unless no_requests:
            "Thousands of response headers, long ones among them, do no harm.",
            "Look for the header that you need; do not copy all of them.";
        huge_answer_is_survived, unless no_requests:
            "An answer of some megabytes in many chunks ends in an answer or in an error.",
            "Splice it, or read it with `bytes()`, which knows a limit.";
    }
    Secrets, secrets, {
        missing_secret_is_an_error, unless secrets::needs_none:
            "Without its secret a connector says so instead of asking the upstream without it.",
            "Use `HttpRequest::bearer` or `secret_header`: the host refuses the request then.";
        secrets_stay_out_of_answers, unless every:
            "No secret is in an answer, an error or a note of the trace.",
            "Never format a secret; let the host fill it into headers.";
        secrets_stay_out_of_logs, unless every:
            "No secret is in a log line.",
            "Log names of secrets, never values.";
        secrets_stay_in_their_headers, unless every:
            "No secret is in a URL, a plain header or a body that goes upstream.",
            "Name the secret in `bearer` or `secret_header`; keys in a URL end up in logs of others.";
    }
    Effects, effects, {
        unsupported_effects_are_survived, unless every:
            "A host that does not know an effect gets an error, or an answer that does without it.",
            "Pass errors of effects on with `?`, and do not loop on them.";
        refused_effects_are_survived, unless every:
            "A host that denies an effect gets an error, or an answer that does without it.",
            "Pass errors of effects on with `?`, and do not loop on them.";
        unknown_statuses_are_survived, unless every:
            "A completion with a status of a later version is a failure, not a success and not a panic.",
            "Treat every status that you do not know as a failure.";
        double_completions_are_ignored, unless every:
            "A completion that comes a second time changes nothing.",
            "Forget an operation when its completion has come.";
        forged_completions_are_ignored, unless every:
            "Completions of operations that were cancelled or never asked for change nothing.",
            "Look up the id among your open operations; ignore what is not there.";
        needless_resumes_are_harmless, unless every:
            "A task that is resumed although nothing happened waits on.",
            "Return pending when no completion came for what you wait for.";
    }
    Life, life, {
        cancelling_lets_go, unless every:
            "Dropping a task after any of its steps gives back the request's bytes and never panics.",
            "Keep no `Buf`, `Turn` or `Ctx` in the connector or in a static.";
        instance_may_go_first, unless every:
            "A task ends well although its instance was dropped when it had just begun.",
            "Let a task share what it needs: a counted reference, not a pointer into the instance.";
        tasks_move_between_threads, unless every:
            "Each step of a task may run on another thread.",
            "Keep nothing in thread-locals between two steps.";
        many_turns_at_once, unless every:
            "Sixteen turns on one instance, step by step in turn, each get what one alone would get.",
            "Keep what belongs to a turn in the turn; share nothing that changes.";
    }
    Tasks, tasks, {
        models_are_listed, unless every:
            "The list of models can be read, or is not offered.",
            "Read the ids with `Model::from_openai_list` or your own code, or leave `models` out.";
        broken_model_lists_are_errors, unless tasks::lists_no_models:
            "A list of models that cannot be had is an error, so that the host keeps the old one.",
            "Call `success()` on the answer and pass errors on with `?`.";
        tokens_are_counted_or_not, unless every:
            "`count_tokens` answers, or says that it is unsupported.",
            "Leave `count_tokens` out where the provider has no endpoint for it.";
        unknown_task_is_unsupported, unless every:
            "A task that a newer host may ask for is refused with a code and a sentence.",
            "Return `Error::unsupported`.";
        odd_envelopes_are_survived, unless every:
            "A task whose envelope is no JSON, or holds what it should not, ends in an answer or in an error.",
            "Read the envelope as you read a client's body: every field may be missing or wrong.";
        accounts_are_described, unless tasks::has_no_accounts:
            "A connector of personal accounts says where they come from: a login, a file, or a hint.",
            "Write `Connector::accounts`.";
    }
    Passages, passages, {
        passages_are_well_formed, unless passages::has_none:
            "Each passage is of a dialect of the manifest, goes to an allowed host and names declared secrets.",
            "Compare `Passage::new` with `dialects`, `egress` and `env` of the manifest.";
        passages_do_what_turns_do, unless passages::has_none:
            "A turn that the host carries out alone goes out as the connector would have sent it.",
            "Leave `turn` out: it does what the passages say. Or leave the passage out.";
    }
}
