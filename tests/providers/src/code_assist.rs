//! Google's Code Assist, end to end: a strict identity server and a strict Code Assist behind the real host and the real libraries, from all
//! four frontends.
mod faults;
mod identity;
mod lives;
mod projects;
mod quotas;
mod scene;
mod service;
mod stories;
