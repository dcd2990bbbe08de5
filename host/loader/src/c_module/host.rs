//! The functions of a host as a library in C gets them.
use super::step;
use lip_abi::abi_stable::std_types::RStr;
use lip_abi::{Buf, HostFns_Ref, c};
use std::sync::OnceLock;

/// Hosts of one process: the host itself or a worker, and a kit that drives libraries in their place.
const HOSTS_MAX: usize = 4;

struct Slot {
    host: HostFns_Ref,
    table: c::Host,
}

static SLOTS: [OnceLock<Slot>; HOSTS_MAX] = [const { OnceLock::new() }; HOSTS_MAX];

/// The table for `host`; none when this process has more hosts than there are slots.
pub(super) fn table(host: HostFns_Ref) -> Option<&'static c::Host> {
    // A function of C's carries no context of the host's, so that each slot has functions of its own.
    let make: [fn(HostFns_Ref) -> Slot; HOSTS_MAX] = [slot::<0>, slot::<1>, slot::<2>, slot::<3>];
    let is_it = |slot: &Slot| slot.host.wake() as usize == host.wake() as usize;
    let of = |(slot, make): (&'static OnceLock<Slot>, fn(HostFns_Ref) -> Slot)| {
        let slot = slot.get_or_init(|| make(host));
        is_it(slot).then_some(&slot.table)
    };
    SLOTS.iter().zip(make).find_map(of)
}

fn slot<const N: usize>(host: HostFns_Ref) -> Slot {
    let table = c::Host {
        size: size_of::<c::Host>(),
        wake: host.wake(),
        log: log::<N>,
        now_unix_ms: host.now_unix_ms(),
        host_info: host_info::<N>,
        copy,
        start_op: step::start_op,
        cancel_op: step::cancel_op,
        emit: step::emit,
    };
    Slot { host, table }
}

fn host<const N: usize>() -> Option<HostFns_Ref> {
    SLOTS.get(N)?.get().map(|slot| slot.host)
}

extern "C" fn log<const N: usize>(level: u32, target: c::Text, message: c::Text) {
    let Some(host) = host::<N>() else { return };
    let (target, message) = (String::from_utf8_lossy(bytes(target.ptr, target.len)), message);
    let message = String::from_utf8_lossy(bytes(message.ptr, message.len));
    (host.log())(level, RStr::from(&*target), RStr::from(&*message));
}

extern "C" fn host_info<const N: usize>() -> c::Text {
    let text = host::<N>().and_then(|host| host.host_info()).map_or_else(|| RStr::from(""), |info| info());
    c::Text { ptr: text.as_ptr(), len: text.len() }
}

extern "C" fn copy(ptr: *const u8, len: usize) -> c::Buf {
    let buf = std::mem::ManuallyDrop::new(Buf::from(bytes(ptr, len).to_vec()));
    let buf: *const Buf = &raw const *buf;
    // SAFETY: the two have one layout, which `lip-abi` asserts; the original is never dropped, so its reference is handed over.
    unsafe { buf.cast::<c::Buf>().read() }
}

/// Bytes that a library lends for a call; none where there can be none.
fn bytes<'a>(ptr: *const u8, len: usize) -> &'a [u8] {
    if ptr.is_null() || isize::try_from(len).is_err() {
        return &[];
    }
    // SAFETY: not null, a possible length; the header says that they are readable for this call.
    unsafe { std::slice::from_raw_parts(ptr, len) }
}
