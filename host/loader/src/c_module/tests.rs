//! Tables, records and buffers as a careless or hostile library gives them.
use super::*;
use crate::host_fns;
use lip_abi::Event;
use std::cell::Cell;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

static DROPPED: AtomicUsize = AtomicUsize::new(0);
thread_local! {
    static HOST: Cell<*const c::Host> = const { Cell::new(ptr::null()) };
    static STALE: Cell<*mut c::Out> = const { Cell::new(ptr::null_mut()) };
    static SAYS: Cell<fn(*mut c::Out) -> u32> = const { Cell::new(|_| c::DONE) };
}

fn host() -> c::Host {
    // SAFETY: `create` put the host's table there, which is never freed.
    unsafe { *HOST.get() }
}

unsafe extern "C" fn manifest() -> c::Text {
    lent("{\"connectors\": []}")
}

unsafe extern "C" fn create(
    host: *const c::Host,
    connector: c::Text,
    _: c::Text,
    _: *const c::Buf,
    made: *mut *mut c_void,
    error: *mut c::Error,
) -> u32 {
    HOST.set(host);
    // SAFETY: the caller lends all of them.
    let (connector, made, error) =
        unsafe { (std::slice::from_raw_parts(connector.ptr, connector.len), &mut *made, &mut *error) };
    match connector {
        b"good" => *made = ptr::dangling_mut(),
        b"empty" => {}
        _ => {
            error.code = buffer(b"not_found");
            error.detail = c::Buf { ptr: ptr::null(), len: 9, ..c::Buf::EMPTY };
            return c::FAILED;
        }
    }
    c::PENDING
}

unsafe extern "C" fn start(
    _: *mut c_void,
    _: u64,
    _: c::Text,
    _: *const c::Buf,
    _: *const c::Buf,
    made: *mut *mut c_void,
    _: *mut c::Error,
) -> u32 {
    // SAFETY: the caller lends it.
    unsafe { *made = ptr::dangling_mut() };
    c::PENDING
}

unsafe extern "C" fn resume(
    _: *mut c_void,
    _: *const c::Completion,
    _: usize,
    out: *mut c::Out,
    _: *mut c::Error,
) -> u32 {
    SAYS.get()(out)
}

unsafe extern "C" fn dropped(_: *mut c_void) {
    DROPPED.fetch_add(1, SeqCst);
}

const TABLE: c::Plugin = c::Plugin {
    size: size_of::<c::Plugin>(),
    abi: [1, 0, 0, 0],
    manifest: Some(manifest),
    create: Some(create),
    start: Some(start),
    resume: Some(resume),
    drop_task: Some(dropped),
    drop_instance: Some(dropped),
    shutdown: None,
    status: None,
};

fn buffer(bytes: &'static [u8]) -> c::Buf {
    c::Buf { ptr: bytes.as_ptr(), len: bytes.len(), ..c::Buf::EMPTY }
}

fn read(table: &c::Plugin) -> Result<CModule, Refusal> {
    // SAFETY: a whole table.
    unsafe { CModule::read(table) }
}

fn refused(change: impl FnOnce(&mut c::Plugin)) -> String {
    let mut table = TABLE;
    change(&mut table);
    read(&table).map(drop).unwrap_err().to_string()
}

#[test]
fn tables_are_judged() {
    for size in [0, 1, offset_of!(c::Plugin, shutdown) - 1, 5000, usize::MAX] {
        assert!(refused(|table| table.size = size).contains("bytes"), "{size}");
    }
    assert!(refused(|table| table.abi = [2, 0, 0, 0]).contains("2.0.0"));
    assert!(refused(|table| table.create = None).contains("lacks the function create"));
    assert!(refused(|table| table.drop_task = None).contains("lacks the function drop_task"));
    for odd in [ptr::null(), ptr::without_provenance(9)] {
        // SAFETY: neither is read.
        assert!(unsafe { CModule::read(odd) }.is_err());
    }
    let older = c::Plugin { size: offset_of!(c::Plugin, shutdown), status: Some(never), ..TABLE };
    assert!(read(&older).unwrap().calls.status.is_none(), "what lies behind its end is not there");
    assert_eq!(read(&TABLE).unwrap().manifest_text(), "{\"connectors\": []}");
}

unsafe extern "C" fn never(_: *mut c_void) -> c::Buf {
    c::Buf::EMPTY
}

fn step(says: fn(*mut c::Out) -> u32) -> (Step, StepOut) {
    SAYS.set(says);
    let made = read(&TABLE).unwrap().create(host_fns::table(), "good", "i", &Buf::empty());
    let task = made.unwrap_or_else(|e| panic!("{e:?}")).start(1, "turn".into(), Buf::empty(), Buf::empty());
    let mut out = StepOut::default();
    let mut task = task.into_result().unwrap_or_else(|e| panic!("{e:?}"));
    let step = task.resume(&mut RVec::new(), &mut out);
    (step, out)
}

fn why(step: &Step) -> String {
    let Step::Failed(error) = step else { panic!("{step:?}") };
    String::from_utf8_lossy(&error.detail).into_owned()
}

fn event(data: c::Buf) -> c::Event {
    c::Event { kind: 1, index: 0, handle: 0, arg: 0, meta: c::Buf::EMPTY, data }
}

#[test]
fn instances_are_judged() {
    let create = |id: &str| read(&TABLE).unwrap().create(host_fns::table(), id, "i", &Buf::empty());
    let why = |id: &str| create(id).map(drop).unwrap_err();
    assert!(String::from_utf8_lossy(&why("empty").detail).contains("gives nothing"));
    assert_eq!(&*why("bad").code, b"malformed", "a detail without bytes");
}

#[test]
fn what_a_step_says_is_judged() {
    let (ended, out) = step(|out| {
        let host = host();
        (host.emit)(out, &event(buffer(b"one")));
        (host.emit)(out, &event((host.copy)(b"two".as_ptr(), 3)));
        (host.cancel_op)(out, 7);
        let op =
            c::Op { id: 1, kind: 3, flags: 0, handle: 0, arg: 5, meta: c::Buf::EMPTY, body: c::Buf::EMPTY };
        (host.start_op)(out, &op);
        STALE.set(out);
        c::DONE
    });
    assert!(matches!(ended, Step::Done));
    let said: Vec<&[u8]> = out.events.iter().map(|event: &Event| &*event.data).collect();
    assert_eq!((said, out.cancels.as_slice(), out.ops[0].arg), (vec![&b"one"[..], b"two"], &[7][..], 5));
    // Outside of a step, and in the step of another task, nothing is taken.
    (host().emit)(STALE.get(), &event(buffer(b"late")));
    let (_, out) = step(|_| {
        (host().emit)(ptr::dangling_mut(), &event(buffer(b"elsewhere")));
        c::PENDING
    });
    assert!(out.events.is_empty());
    let (odd, _) = step(|_| 99);
    assert!(matches!(odd, Step::Failed(_)), "an unknown number is a failure");
    let (null, _) = step(|out| {
        (host().emit)(out, ptr::null());
        c::PENDING
    });
    assert!(why(&null).contains("no address"));
}

#[test]
fn buffers_are_judged() {
    static RELEASED: AtomicUsize = AtomicUsize::new(0);
    unsafe extern "C" fn keep(_: *const c_void) {}
    unsafe extern "C" fn release(_: *const c_void) {
        RELEASED.fetch_add(1, SeqCst);
    }
    static WHOLE: c::BufVt = c::BufVt { retain: Some(keep), release: Some(release) };
    static HALF: c::BufVt = c::BufVt { retain: Some(keep), release: None };
    let owned = |ptr, len| c::Buf { ptr, len, owner: ptr::null(), vt: &raw const WHOLE };
    assert_eq!(&*taken(owned(b"abc".as_ptr(), 3)).unwrap(), b"abc");
    assert_eq!(&*taken(owned(ptr::null(), 0)).unwrap(), b"");
    assert!(taken(owned(ptr::null(), 3)).is_err());
    assert!(taken(owned(b"abc".as_ptr(), usize::MAX)).is_err());
    assert_eq!(RELEASED.load(SeqCst), 4, "each reference is given back, whatever came with it");
    assert!(taken(c::Buf { vt: &raw const HALF, ..c::Buf::EMPTY }).is_err());
    assert!(taken(c::Buf { vt: ptr::without_provenance(3), ..c::Buf::EMPTY }).is_err());
    assert!(taken(c::Buf { len: 1, ..c::Buf::EMPTY }).is_err());
    assert_eq!(&*taken(c::Buf::EMPTY).unwrap(), b"");
}

#[test]
fn tasks_and_instances_are_let_go_once() {
    let before = DROPPED.load(SeqCst);
    drop(step(|_| c::DONE));
    assert!(DROPPED.load(SeqCst) >= before + 2);
}
