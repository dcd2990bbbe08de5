//! Google's Code Assist, end to end: a strict identity server and a strict Code Assist behind the real host and the real libraries, from all
//! four frontends.
mod identity;
mod projects;
mod service;
mod stories;
