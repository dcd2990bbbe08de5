//! What differs between operating systems, behind one set of names.
#[cfg(unix)]
#[path = "sys/unix.rs"]
mod this;
#[cfg(windows)]
#[path = "sys/windows.rs"]
mod this;

pub(crate) use this::{
    allow_only_owner, bound_child, create_private, death, enter_private_dir, group_writable, identity,
    is_link_loop, map_library, open_for_reading, other_owner, world_writable,
};

/// How the names of libraries end here.
pub(crate) const LIBRARY_SUFFIX: &str = std::env::consts::DLL_EXTENSION;
