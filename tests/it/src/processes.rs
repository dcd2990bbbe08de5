//! What becomes of processes: agents are ended together with everything that they have started, however they resist, and whatever
//! becomes of the host. Linux only: elsewhere nothing is claimed.
#![cfg(target_os = "linux")]
mod cycles;
mod ends;
mod identity;
mod marked;
mod rogues;
