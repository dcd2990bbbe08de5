//! Named attempts to get in without a key, to get at keys, to make the host ask what it must not, and to bring it down: each a real
//! request to the real host, and each refused as documented. `docs/reference/threat-model.md` says which promise each one tries; a
//! test compares the names.
mod auth;
mod browser;
mod clients;
mod cluster;
mod floods;
mod framing;
mod guesses;
mod leaks;
mod operators;
mod page;
mod paths;
mod reach;
mod scene;
mod streams;
mod tls;

/// Stories that are attempts: their names stand in the page.
macro_rules! attempts {
    ($($(#[$meta:meta])* async fn $name:ident() $body:block)+) => {
        pub(super) const NAMES: &[&str] = &[$(stringify!($name)),+];
        $($(#[$meta])* #[tokio::test] async fn $name() $body)+
    };
}
use attempts;
