//! The layout of every record and table, as released with each minor version: one file per version, added and never edited.
#![allow(missing_docs, reason = "a test")]
use lip_abi::c::{Host as C_Host, Plugin as C_Plugin};
use lip_abi::{AbiError, Buf, BufVt, Completion, Event, HostFns, Op, PluginMod, Stamp, Step, StepOut};
use std::mem::{align_of, offset_of, size_of};

macro_rules! layout {
    ($out:ident, $type:ident $(, $field:ident)*) => {
        $out.push_str(&format!("{} size {} align {}", stringify!($type), size_of::<$type>(), align_of::<$type>()));
        $($out.push_str(&format!(" {}@{}", stringify!($field), offset_of!($type, $field)));)*
        $out.push('\n');
    };
}

#[test]
#[cfg(target_pointer_width = "64")]
fn layout_is_the_released_one() {
    let mut seen = String::new();
    layout!(seen, BufVt, retain, release);
    layout!(seen, Buf);
    layout!(seen, Op, id, kind, flags, handle, arg, meta, body);
    layout!(seen, Completion, id, status, flags, handle, arg, meta, body);
    layout!(seen, Event, kind, index, handle, arg, meta, data);
    layout!(seen, StepOut, ops, cancels, events);
    layout!(seen, AbiError, code, detail);
    layout!(seen, Step);
    layout!(seen, Stamp, magic, abi, unwind, ptr_bits, text);
    assert_eq!(seen, include_str!("layout-1.0.txt"));
}

/// A table grows at its end only: what an older version said is the beginning of what is so now.
macro_rules! table {
    ($out:ident, $type:ident $(, $field:ident)*) => {
        $out.push_str(stringify!($type));
        $($out.push_str(&format!(" {}@{}", stringify!($field), offset_of!($type, $field)));)*
        $out.push('\n');
    };
}

#[test]
#[cfg(target_pointer_width = "64")]
fn tables_begin_as_they_were_released() {
    let mut seen = String::new();
    table!(seen, HostFns, wake, log, now_unix_ms, host_info);
    table!(seen, PluginMod, manifest, create);
    table!(seen, C_Host, size, wake, log, now_unix_ms, host_info, copy, start_op, cancel_op, emit);
    table!(
        seen,
        C_Plugin,
        size,
        abi,
        manifest,
        create,
        start,
        resume,
        drop_task,
        drop_instance,
        shutdown,
        status
    );
    for released in [include_str!("layout-1.1.txt"), include_str!("layout-1.2.txt")] {
        assert!(seen.lines().count() >= released.lines().count(), "{seen}");
        for (now, then) in seen.lines().zip(released.lines()) {
            assert!(now.starts_with(then), "released: {then}\nnow: {now}");
        }
    }
}

#[test]
#[cfg(target_pointer_width = "64")]
fn records_of_c_are_the_others() {
    use lip_abi::c;
    let mut seen = String::new();
    layout!(seen, Op, id, kind, flags, handle, arg, meta, body);
    layout!(seen, Completion, id, status, flags, handle, arg, meta, body);
    layout!(seen, Event, kind, index, handle, arg, meta, data);
    let mut of_c = String::new();
    {
        use c::{Completion, Event, Op};
        layout!(of_c, Op, id, kind, flags, handle, arg, meta, body);
        layout!(of_c, Completion, id, status, flags, handle, arg, meta, body);
        layout!(of_c, Event, kind, index, handle, arg, meta, data);
    }
    assert_eq!(seen, of_c);
    assert_eq!((size_of::<c::Buf>(), size_of::<c::Error>(), size_of::<c::Text>()), (32, 64, 16));
}

#[test]
fn loader_symbol_is_the_one_that_the_macro_writes() {
    assert_eq!(
        lip_abi::abi_stable::library::ROOT_MODULE_LOADER_NAME,
        "_1as_0lib_1header_0root_bmodule_bloader"
    );
}
