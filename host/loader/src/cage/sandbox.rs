//! What a worker gives up before it runs any code of its library: descriptors, limits, the network, files, other processes.
//!
//! Landlock and seccomp take it from the whole process for good. What the kernel does not offer is left out and told.
use super::limits::Limits;
use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetStatus, Scope, path_beneath_rules,
};
use rustix::process::{Resource, Rlimit, setpriority_process, setrlimit};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};
use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::path::Path;

/// The descriptor that the socket gets.
const SOCKET: RawFd = 3;
/// The descriptor that the bell gets.
const BELL: RawFd = 4;
/// Files that may be open.
const FILES_MAX: u64 = 64;
/// How ready the system is to end a worker when memory runs out, before the host.
const EXPENDABLE: &str = "500";
/// How much a worker gives way to the host and all others where the processor is wanted by several (see `nice(1)`). It costs nothing
/// where it is not, and a host that waits for its worker does not want it.
const COURTESY: i32 = 10;
/// How long a worker's thread goes on at most when others want its processor, in ns: the least that the kernel takes. They wait a
/// thirtieth of what they would wait otherwise when a step computes for long, and the worker's share stays the same.
const SLICE_NS: u64 = 100_000;
/// The newest kernel interface that is asked for; older kernels do what they can.
const LANDLOCK: ABI = ABI::V6;

/// What a worker says whose cage lacks nothing.
pub(super) const WHOLE: &str = "landlock, seccomp";

/// Ends the process at once: no code of the library runs at its end.
pub(super) fn exit() -> ! {
    // SAFETY: `_exit` has no preconditions.
    unsafe { libc::_exit(0) }
}

/// Moves the socket, which came as standard input, and the bell, which came as standard output, away from where libraries read and
/// write, and closes all else that came along.
pub(super) fn settle() -> io::Result<(OwnedFd, OwnedFd)> {
    let above = BELL + 1;
    let socket = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), above)?;
    let bell = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), above)?;
    let (socket, bell) = (moved(socket, SOCKET)?, moved(bell, BELL)?);
    let first_stranger = libc::c_uint::try_from(above).unwrap_or(libc::c_uint::MAX);
    // SAFETY: whatever is open there belongs to nothing in this process.
    unsafe { libc::close_range(first_stranger, libc::c_uint::MAX, 0) };
    let nothing = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&nothing)?;
    rustix::stdio::dup2_stdout(&nothing)?;
    Ok((socket, bell))
}

/// The same file at the number `to`.
fn moved(file: OwnedFd, to: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: nothing in this process uses these numbers yet: it has only just begun.
    if unsafe { libc::dup3(file.as_raw_fd(), to, libc::O_CLOEXEC) } != to {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: `dup3` has made it, and nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(to) })
}

/// Sets limits; says what could not be set.
pub(super) fn limit(limits: &Limits) -> Vec<String> {
    let _ = std::fs::write("/proc/self/oom_score_adj", EXPENDABLE);
    // Threads that begin later have it from this one. No limit, only manners: nothing is told if it fails.
    let _ = setpriority_process(None, COURTESY);
    let _ = cut_into_slices();
    let data = own_data_bytes().saturating_add(limits.memory);
    let all = [
        ("memory", Resource::Data, data),
        ("core", Resource::Core, 0),
        ("files", Resource::Nofile, FILES_MAX),
        ("file-size", Resource::Fsize, super::socket::MESSAGE_MAX as u64),
    ];
    let failed = all.into_iter().filter(|(_, which, most)| {
        setrlimit(*which, Rlimit { current: Some(*most), maximum: Some(*most) }).is_err()
    });
    failed.map(|(name, ..)| format!("no limit of {name}")).collect()
}

/// Lets the kernel take the processor away from this process sooner. Kernels before 6.12 take no notice.
fn cut_into_slices() -> io::Result<()> {
    // SAFETY: all zeroes is a valid `sched_attr`: the usual policy.
    let mut how: libc::sched_attr = unsafe { std::mem::zeroed() };
    let size = size_of_val(&how);
    how.size = u32::try_from(size).unwrap_or_default();
    how.sched_nice = COURTESY;
    how.sched_runtime = SLICE_NS;
    // SAFETY: the kernel reads `how`, of the size that it names; 0 is the calling thread, and 0 no flags.
    match unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const how, 0) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// What this program has mapped for writing by itself.
fn own_data_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmData:")).unwrap_or_default();
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().unwrap_or(0);
    // And for the threads that are still to come.
    kib.saturating_mul(1024).saturating_add(64 << 20)
}

/// Leaves the library's own file and the system's libraries to be read, and nothing else.
pub(super) fn before_loading(library: &Path) -> Vec<String> {
    let system = ["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache", "/nix/store", "/proc/self"];
    let readable = system.iter().map(Path::new).chain([library]);
    vec![files_are_closed(readable), told("seccomp", calls_are_closed(&allowed()))]
}

/// Leaves nothing.
pub(super) fn before_serving() -> Vec<String> {
    let _ = files_are_closed(std::iter::empty());
    match calls_are_closed(&without_files()) {
        Ok(()) => Vec::new(),
        Err(_) => vec!["files by landlock alone".to_owned()],
    }
}

fn told(name: &str, done: Result<(), String>) -> String {
    match done {
        Ok(()) => name.to_owned(),
        Err(why) => format!("no {name} ({why})"),
    }
}

fn files_are_closed<'a>(readable: impl Iterator<Item = &'a Path>) -> String {
    let restrict = || {
        Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(LANDLOCK))?
            .handle_access(AccessNet::from_all(LANDLOCK))?
            .scope(Scope::from_all(LANDLOCK))?
            .create()?
            .add_rules(path_beneath_rules(readable, AccessFs::from_read(LANDLOCK)))?
            .restrict_self()
    };
    match restrict() {
        Ok(status) => match status.ruleset {
            RulesetStatus::FullyEnforced => "landlock".to_owned(),
            RulesetStatus::PartiallyEnforced => "landlock in part (the kernel is older)".to_owned(),
            RulesetStatus::NotEnforced => "no landlock (the kernel has none)".to_owned(),
        },
        Err(error) => format!("no landlock ({error})"),
    }
}

/// What a system call that is not allowed answers.
const DENIED: u32 = libc::EPERM as u32;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

fn apply(rules: Rules, otherwise: SeccompAction, on_match: SeccompAction) -> Result<(), String> {
    let arch = std::env::consts::ARCH.try_into().map_err(|e: seccompiler::BackendError| e.to_string())?;
    let filter = SeccompFilter::new(rules, otherwise, on_match, arch).map_err(|e| e.to_string())?;
    let program: BpfProgram = filter.try_into().map_err(|e: seccompiler::BackendError| e.to_string())?;
    seccompiler::apply_filter(&program).map_err(|e| e.to_string())
}

/// Only these calls work from now on. Fails as a whole where the kernel has no seccomp.
fn calls_are_closed(rules: &dyn Fn() -> Result<Closing, String>) -> Result<(), String> {
    match rules()? {
        Closing::Allow(allowed) => {
            apply(allowed, SeccompAction::Errno(DENIED), SeccompAction::Allow)?;
            // The flags of its newer form lie in memory, where no filter sees them; without it, the older one is used.
            let newer = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
            apply(newer, SeccompAction::Allow, SeccompAction::Errno(libc::ENOSYS as u32))
        }
        Closing::Deny(denied) => apply(denied, SeccompAction::Allow, SeccompAction::Errno(DENIED)),
    }
}

enum Closing {
    Allow(Rules),
    Deny(Rules),
}

/// Only where argument number `arg`, an `int`, is one of these.
fn only_for(arg: u8, values: &[i32]) -> Result<Vec<SeccompRule>, String> {
    let rule = |value: &i32| {
        let (len, value) = (SeccompCmpArgLen::Dword, u64::from(value.cast_unsigned()));
        let condition = SeccompCondition::new(arg, len, SeccompCmpOp::Eq, value);
        SeccompRule::new(vec![condition.map_err(|e| e.to_string())?]).map_err(|e| e.to_string())
    };
    values.iter().map(rule).collect()
}

fn only_if(arg: u8, op: SeccompCmpOp, value: u64) -> Result<Vec<SeccompRule>, String> {
    let condition =
        SeccompCondition::new(arg, SeccompCmpArgLen::Qword, op, value).map_err(|e| e.to_string())?;
    Ok(vec![SeccompRule::new(vec![condition]).map_err(|e| e.to_string())?])
}

/// What a library needs that computes: memory, threads, time, its socket. No other process, no network.
fn allowed() -> impl Fn() -> Result<Closing, String> {
    || {
        let mut rules: Rules =
            ALLOWED.iter().chain(FILES).chain(OLD_CALLS).map(|call| (*call, Vec::new())).collect();
        let thread = libc::CLONE_THREAD as u64;
        rules.insert(libc::SYS_clone, only_if(0, SeccompCmpOp::MaskedEq(thread), thread)?);
        // How a program aborts: a signal to itself.
        rules.insert(libc::SYS_tgkill, only_if(0, SeccompCmpOp::Eq, u64::from(std::process::id()))?);
        // Its own limits, while the library is loaded; those of no other process.
        rules.insert(libc::SYS_prlimit64, only_for(0, &[0])?);
        // A file's owner is signalled by the kernel: nobody else's process may be made that.
        rules.insert(libc::SYS_fcntl, only_for(1, FCNTL)?);
        // Refused below by its own filter, so that it is not refused here.
        rules.insert(libc::SYS_clone3, Vec::new());
        Ok(Closing::Allow(rules))
    }
}

fn without_files() -> impl Fn() -> Result<Closing, String> {
    || Ok(Closing::Deny(FILES.iter().chain(OLD_FILES).map(|call| (*call, Vec::new())).collect()))
}

/// What may be asked of an open file.
const FCNTL: &[i32] = &[
    libc::F_DUPFD,
    libc::F_DUPFD_CLOEXEC,
    libc::F_GETFD,
    libc::F_SETFD,
    libc::F_GETFL,
    libc::F_SETFL,
    libc::F_ADD_SEALS,
    libc::F_GET_SEALS,
];

const ALLOWED: &[i64] = &[
    libc::SYS_brk,
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_close,
    libc::SYS_close_range,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_eventfd2,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_fstat,
    libc::SYS_ftruncate,
    libc::SYS_futex,
    libc::SYS_getcpu,
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_getrandom,
    libc::SYS_getrusage,
    libc::SYS_gettid,
    libc::SYS_gettimeofday,
    libc::SYS_getuid,
    libc::SYS_landlock_add_rule,
    libc::SYS_landlock_create_ruleset,
    libc::SYS_landlock_restrict_self,
    libc::SYS_lseek,
    libc::SYS_madvise,
    libc::SYS_membarrier,
    libc::SYS_memfd_create,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_nanosleep,
    libc::SYS_pipe2,
    libc::SYS_ppoll,
    libc::SYS_prctl,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_recvmsg,
    libc::SYS_restart_syscall,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_seccomp,
    libc::SYS_sendmsg,
    libc::SYS_set_robust_list,
    libc::SYS_set_tid_address,
    libc::SYS_sigaltstack,
    libc::SYS_sysinfo,
    libc::SYS_uname,
    libc::SYS_write,
    libc::SYS_writev,
];

/// What opens and looks at files: for the system's own loader, until the library is there.
const FILES: &[i64] = &[
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_getcwd,
    libc::SYS_getdents64,
    libc::SYS_newfstatat,
    libc::SYS_openat,
    libc::SYS_prlimit64,
    libc::SYS_readlinkat,
    libc::SYS_statfs,
    libc::SYS_statx,
];

/// What only this kind of machine has besides.
#[cfg(target_arch = "x86_64")]
const OLD_CALLS: &[i64] = &[
    libc::SYS_access,
    libc::SYS_arch_prctl,
    libc::SYS_epoll_wait,
    libc::SYS_open,
    libc::SYS_pipe,
    libc::SYS_poll,
    libc::SYS_readlink,
    libc::SYS_stat,
    libc::SYS_time,
];
#[cfg(target_arch = "x86_64")]
const OLD_FILES: &[i64] = &[libc::SYS_access, libc::SYS_open, libc::SYS_readlink, libc::SYS_stat];
#[cfg(not(target_arch = "x86_64"))]
const OLD_CALLS: &[i64] = &[];
#[cfg(not(target_arch = "x86_64"))]
const OLD_FILES: &[i64] = &[];
