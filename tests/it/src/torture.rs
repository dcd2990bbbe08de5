//! A library that does whatever a library can do wrong, in either cage: what it costs the host, the turns of others, and its own.
mod bystander;
mod child;
mod inproc;
mod page;
mod rogues;
mod yard;
