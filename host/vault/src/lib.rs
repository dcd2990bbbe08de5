//! Accounts of connectors that log in: kept, locked, renewed in time, and written without loss.
//!
//! A connector contributes how its tokens are renewed and how the files of its official clients read ([`Provider`]); it touches no
//! file. The vault knows no HTTP and no plugin. Pure inside: what to do with a token (`token`), which account comes next (`select`,
//! `affinity`), how long one rests (`cooldown`), whose tokens count (`cas`). Around them stand records (`records`; as files `store`), clients' files
//! (`foreign`), one refresh (`keeper`) and, at the very edge, the disk (`disk`, `sys`). How a human logs in is [`login`].
mod account;
mod affinity;
mod cas;
mod cooldown;
mod core;
mod disk;
mod figures;
mod files;
mod foreign;
mod keeper;
mod lease;
pub mod login;
mod marks;
mod place;
mod pool;
mod print;
mod provider;
mod records;
mod refused;
mod renewed;
mod report;
mod saver;
mod scan;
mod select;
mod shelf;
mod slot;
mod spec;
mod standing;
mod store;
mod sys;
mod token;
mod vault;

pub use account::{Account, State, is_name};
pub use cooldown::Cooldown;
pub use core::{Clock, SystemClock};
pub use disk::{Disk, Held, RealDisk, Stamp};
pub use figures::Figures;
pub use lease::{Ask, Lease, Outcome};
pub use marks::{ALL, Marks};
pub use pool::Pool;
pub use print::TokenPrint;
pub use provider::{Provider, RefreshError, Renewal};
pub use records::{Copies, Lock, Record, Records, Shared, Unkept};
pub use refused::Refused;
pub use shelf::Unchanged;
pub use spec::{Access, Allow, LockStyle, PoolSpec, Source, Strategy};
pub use standing::{Health, Resting, Standing};
pub use vault::Vault;
