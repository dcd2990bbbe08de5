//! The layout of every record, as released with ABI 1.0. A line here never changes; new types add lines.
#![allow(missing_docs, reason = "a test")]
use lip_abi::{AbiError, Buf, BufVt, Completion, Event, Op, Stamp, Step, StepOut};
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

#[test]
fn loader_symbol_is_the_one_that_the_macro_writes() {
    assert_eq!(
        lip_abi::abi_stable::library::ROOT_MODULE_LOADER_NAME,
        "_1as_0lib_1header_0root_bmodule_bloader"
    );
}
