//! Everything that crosses the boundary between LIP and a connector library. Knows no dialect, no provider, no runtime.
//!
//! The shape is a *step function*: a task is resumed with completions and answers with operations, cancellations
//! and events. No future, waker, stream, panic or allocator crosses; every payload is a reference-counted [`Buf`].
//!
//! What keeps old libraries loading:
//! * the records ([`Op`], [`Completion`], [`Event`], [`StepOut`], [`Step`], [`AbiError`], [`Buf`]) never change within a major version;
//! * the kinds in [`op`], [`status`] and [`event`] are open sets of numbers that are never reused;
//! * [`HostFns`] and [`PluginMod`] are prefix types and grow only at their end;
//! * the traits grow only by methods with a default body;
//! * the tables of [`c`], the same boundary for other languages, say their size and grow only at their end.
mod buf;
pub mod c;
mod module;
mod numbers;
mod records;
mod stamp;
mod traits;

pub use abi_stable;
pub use buf::{Buf, BufVt};
pub use module::{HostFns, HostFns_Ref, PluginMod, PluginMod_Ref};
pub use numbers::{event, op, status};
pub use records::{AbiError, Completion, Event, Op, Step, StepOut};
pub use stamp::{STAMP_MAGIC, Stamp, abi_version};
pub use traits::{ConnectorBox, ConnectorObj, ConnectorObj_TO, Task, Task_TO, TaskBox};
