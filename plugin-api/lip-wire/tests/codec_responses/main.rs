//! OpenAI Responses through the canonical model: golden bodies, identities, streams however they are cut, and to and from Chat.
#![expect(clippy::expect_used, reason = "a test that cannot go on must say so")]
mod cross;
mod props;
mod reply;
mod request;
mod stream;
mod support;
mod upstreams;
