//! What needs `unsafe`.
use crate::{Work, said, text, unknown};
use lip_plugin::lip_abi::{BufVt, STAMP_MAGIC};
use lip_plugin::{Buf, Ctx, Result, Turn};
use std::hint::black_box;
use std::ptr;

/// What the model's name asks for.
pub(crate) fn rogue(cx: Ctx, turn: Turn) -> Work {
    match turn.model.as_str() {
        "segfaults" => Box::pin(async { segfault() }),
        "traps" => Box::pin(async { trap() }),
        "frees-wild" => Box::pin(frees_wild(cx)),
        "corrupts-heap" => Box::pin(corrupts_heap(cx)),
        "smashes-stack" => Box::pin(async { smash_stack() }),
        "buffer-lies" => Box::pin(buffer_lies(cx)),
        "buffer-without-code" => Box::pin(buffer_without_code(cx)),
        "closes-stdio" => Box::pin(closes(cx, 0, 3)),
        "closes-all" => Box::pin(closes(cx, 3, 4096)),
        "scribbles" => Box::pin(scribbles(cx)),
        "shuts-down" => Box::pin(shuts_down(cx)),
        "changes-signals" => Box::pin(changes_signals(cx)),
        "forks" => Box::pin(forks(cx)),
        "kills" => Box::pin(kills(cx, text(&turn))),
        "kills-itself" => Box::pin(async { kill_itself() }),
        "traces" => Box::pin(traces(cx, text(&turn))),
        "changes-mask" => Box::pin(changes_mask(cx)),
        "filters-itself" => Box::pin(filters_itself(cx)),
        "raises-limits" => Box::pin(raises_limits(cx)),
        "hides-memory" => Box::pin(hides_memory(cx)),
        "limits-others" => Box::pin(limits_others(cx, text(&turn))),
        "signals-by-file" => Box::pin(signals_by_file(cx, text(&turn))),
        "stops-itself" => Box::pin(async { stop_itself() }),
        "forges-frames" => Box::pin(forges_frames(cx)),
        "floods-frames" => Box::pin(floods_frames(cx)),
        "crowds" => Box::pin(crowds(cx)),
        "opens-sockets" => Box::pin(opens_sockets(cx)),
        other => {
            let error = unknown(other);
            Box::pin(async { Err(error) })
        }
    }
}

fn segfault() -> Result<()> {
    unsafe { ptr::write_volatile(black_box(ptr::null_mut::<u8>().wrapping_add(8)), 1) };
    Ok(())
}

fn trap() -> Result<()> {
    #[cfg(target_arch = "x86_64")]
    unsafe {
        std::arch::asm!("ud2")
    };
    unsafe { libc::raise(libc::SIGILL) };
    Ok(())
}

fn smash_stack() -> Result<()> {
    let mut room = [0u8; 16];
    let start = black_box(room.as_mut_ptr());
    for at in 0..1 << 24 {
        unsafe { ptr::write_volatile(start.wrapping_add(at), 0x41) };
    }
    Ok(())
}

async fn frees_wild(cx: Ctx) -> Result<()> {
    let mut room = [0u64; 64];
    unsafe { libc::free(black_box(room.as_mut_ptr().wrapping_add(3)).cast()) };
    said(&cx, "freed")
}

/// Writes behind what it was given, then asks for more until the allocator notices.
async fn corrupts_heap(cx: Ctx) -> Result<()> {
    for _ in 0..64 {
        let block = unsafe { libc::malloc(64) }.cast::<u8>();
        unsafe { ptr::write_bytes(block.wrapping_sub(16), 0x41, 4096) };
        unsafe { libc::free(block.cast()) };
    }
    let more: Vec<Vec<u8>> = (0..4096).map(|n| vec![1; 24 + n]).collect();
    said(&cx, &format!("{} pieces later", more.len()))
}

unsafe extern "C" fn keep(_: *const ()) {}
static KEEP: BufVt = BufVt { retain: keep, release: keep };

const PAGE_BYTES: usize = 4096;

/// An answer that ends far beyond its memory, behind which there is none.
async fn buffer_lies(cx: Ctx) -> Result<()> {
    let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    let pages = unsafe { libc::mmap(ptr::null_mut(), 2 * PAGE_BYTES, access, kind, -1, 0) }.cast::<u8>();
    unsafe { libc::mprotect(pages.wrapping_add(PAGE_BYTES).cast(), PAGE_BYTES, libc::PROT_NONE) };
    let page = unsafe { std::slice::from_raw_parts_mut(pages, PAGE_BYTES) };
    page.fill(b'x');
    page[..12].copy_from_slice(br#"{"choices":""#);
    cx.answer(unsafe { Buf::from_raw(pages, 1 << 46, ptr::null(), &KEEP) });
    Ok(())
}

/// An answer whose owner's functions are no functions.
async fn buffer_without_code(cx: Ctx) -> Result<()> {
    let table: &'static [usize; 2] = Box::leak(Box::new([0x10, 0x20]));
    let table = unsafe { &*ptr::from_ref(table).cast::<BufVt>() };
    cx.answer(unsafe { Buf::from_raw(STAMP_MAGIC.as_ptr(), 16, ptr::null(), table) });
    Ok(())
}

async fn closes(cx: Ctx, from: i32, to: i32) -> Result<()> {
    for file in from..to {
        unsafe { libc::close(file) };
    }
    cx.sleep_ms(0).await?;
    said(&cx, "closed")
}

/// Writes garbage to every file that is open.
async fn scribbles(cx: Ctx) -> Result<()> {
    let garbage = [0xa5u8; 512];
    for file in 3..1024 {
        for n_bytes in [0, 1, 7, 64, 512] {
            unsafe { libc::write(file, garbage.as_ptr().cast(), n_bytes) };
        }
    }
    cx.sleep_ms(0).await?;
    said(&cx, "scribbled")
}

async fn shuts_down(cx: Ctx) -> Result<()> {
    for file in 3..1024 {
        unsafe { libc::shutdown(file, libc::SHUT_RDWR) };
    }
    cx.sleep_ms(0).await?;
    said(&cx, "shut down")
}

/// Ignores all signals that can be ignored, and blocks the rest.
async fn changes_signals(cx: Ctx) -> Result<()> {
    for signal in 1..32 {
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
    unsafe {
        let mut all = std::mem::zeroed();
        libc::sigfillset(&mut all);
        libc::sigprocmask(libc::SIG_BLOCK, &all, ptr::null_mut());
    }
    said(&cx, "deaf")
}

/// Starts a copy of its process, which does nothing but live.
async fn forks(cx: Ctx) -> Result<()> {
    let child = unsafe { libc::fork() };
    if child == 0 {
        loop {
            unsafe { libc::pause() };
        }
    }
    said(&cx, &format!("forked: {}", child > 0))
}

/// Ends the process whose number is its text.
async fn kills(cx: Ctx, number: String) -> Result<()> {
    let Some(number) = number.parse().ok().filter(|number: &i32| *number > 1) else {
        return Err(unknown(&number));
    };
    let sent = unsafe { libc::kill(number, libc::SIGKILL) };
    said(&cx, &format!("killed: {}", sent == 0))
}

fn kill_itself() -> Result<()> {
    unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
    // Where only threads of its own may be signalled.
    unsafe { libc::raise(libc::SIGKILL) };
    Ok(())
}

/// Looks into the process whose number is its text.
async fn traces(cx: Ctx, number: String) -> Result<()> {
    let Some(number) = number.parse().ok().filter(|number: &i32| *number > 1) else {
        return Err(unknown(&number));
    };
    let traced =
        unsafe { libc::ptrace(libc::PTRACE_SEIZE, number, ptr::null_mut::<u8>(), ptr::null_mut::<u8>()) };
    said(&cx, &format!("traced: {}", traced == 0))
}

async fn changes_mask(cx: Ctx) -> Result<()> {
    unsafe { libc::umask(0) };
    said(&cx, "mask is 0")
}

/// Allows itself nothing but to read and write.
async fn filters_itself(cx: Ctx) -> Result<()> {
    unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_STRICT) };
    cx.sleep_ms(0).await?;
    said(&cx, "filtered")
}

async fn raises_limits(cx: Ctx) -> Result<()> {
    let wish = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
    let raised = unsafe { libc::setrlimit(libc::RLIMIT_AS, &wish) };
    said(&cx, &format!("raised: {}", raised == 0))
}

async fn opens_sockets(cx: Ctx) -> Result<()> {
    let families = [libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK, libc::AF_PACKET];
    let open = families.map(|family| unsafe { libc::socket(family, libc::SOCK_DGRAM, 0) } >= 0);
    said(&cx, &format!("opened: {open:?}"))
}

/// Fills files that have no name, and maps none of them: memory that is not seen among a process's own.
async fn hides_memory(cx: Ctx) -> Result<()> {
    let block = vec![1u8; 16 << 20];
    let mut n_bytes = 0;
    for _ in 0..24 {
        let file = unsafe { libc::memfd_create(c"hidden".as_ptr(), 0) };
        for _ in 0..4 {
            n_bytes += unsafe { libc::write(file, block.as_ptr().cast(), block.len()) }.max(0);
            cx.sleep_ms(0).await?;
        }
    }
    for _ in 0..20 {
        cx.sleep_ms(100).await?;
    }
    said(&cx, &format!("hid {} MiB", n_bytes >> 20))
}

/// Takes the right to open files from the process whose number is its text.
async fn limits_others(cx: Ctx, number: String) -> Result<()> {
    let Some(number) = number.parse().ok().filter(|number: &i32| *number > 1) else {
        return Err(unknown(&number));
    };
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    let limited = unsafe { libc::prlimit(number, libc::RLIMIT_NOFILE, &none, ptr::null_mut()) };
    said(&cx, &format!("limited: {}", limited == 0))
}

/// Has the system signal the process whose number is its text whenever something can be read.
async fn signals_by_file(cx: Ctx, number: String) -> Result<()> {
    let Some(number) = number.parse().ok().filter(|number: &i32| *number > 1) else {
        return Err(unknown(&number));
    };
    let mut is_set = false;
    for file in 0..16 {
        let owned = unsafe { libc::fcntl(file, libc::F_SETOWN, number) } == 0;
        // F_SETSIG: 10.
        let signal = unsafe { libc::fcntl(file, 10, libc::SIGKILL) } == 0;
        let told = unsafe { libc::fcntl(file, libc::F_SETFL, libc::O_ASYNC | libc::O_RDWR) } == 0;
        is_set |= owned && signal && told;
    }
    cx.sleep_ms(10).await?;
    cx.sleep_ms(10).await?;
    said(&cx, &format!("set: {is_set}"))
}

fn stop_itself() -> Result<()> {
    unsafe { libc::raise(libc::SIGSTOP) };
    Ok(())
}

/// The worker's socket.
const SOCKET: i32 = 3;

fn send(frame: &[u8]) {
    unsafe { libc::write(SOCKET, frame.as_ptr().cast(), frame.len()) };
}

/// Speaks to the host itself: a wake and the end of a step of every task that there may be.
async fn forges_frames(cx: Ctx) -> Result<()> {
    for key in 0..1_000u64 {
        send(&[&[69], &key.to_le_bytes()[..]].concat());
        send(&[&[68], &key.to_le_bytes()[..], &[0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]].concat());
    }
    cx.sleep_ms(0).await?;
    said(&cx, "forged")
}

/// Speaks to the host itself, without end and from a thread of its own: lines of log.
async fn floods_frames(cx: Ctx) -> Result<()> {
    let line = [&[70u8, 1, 0, 0, 0, 1, 0, 0, 0, b'x', 0, 32, 0, 0], &vec![b'x'; 8192][..]].concat();
    std::thread::spawn(move || {
        loop {
            send(&line);
        }
    });
    said(&cx, "flooding")
}

/// Starts threads with next to no stack until there are no more.
async fn crowds(cx: Ctx) -> Result<()> {
    let mut n_threads = 0;
    while n_threads < 4_000 {
        let small = std::thread::Builder::new().stack_size(16 * 1024);
        match small.spawn(|| std::thread::sleep(std::time::Duration::from_secs(3_600))) {
            Ok(_) => n_threads += 1,
            Err(_) => break,
        }
    }
    for _ in 0..20 {
        cx.sleep_ms(100).await?;
    }
    said(&cx, &format!("{n_threads} threads"))
}
