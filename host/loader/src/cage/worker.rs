//! The worker: a process that holds one library, hears what the host asks and tells what came of it. Nothing else is in it.
mod host;
mod tasks;
mod views;

use super::frame::{self, Ask, Tell};
use super::limits::Limits;
use super::sandbox;
use super::socket::{self, Came};
use crate::library::{self, Loaded};
use bytes::BytesMut;
use lip_abi::{AbiError, Buf};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::{RecvFlags, SendFlags};
use std::ffi::OsString;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::ExitCode;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tasks::Tasks;
use views::Views;

/// The first argument of a worker; then come the library and its limits.
pub(super) const FLAG: &str = "--plugin-worker";
/// Steps that one worker carries out at the same time.
const THREADS: usize = 4;
/// How long one of them looks for the next message before it sleeps.
const GLANCE: Duration = Duration::from_micros(50);
/// Room for the recursion of a library's code.
const STACK_BYTES: usize = 2 << 20;

/// The exit code of a worker that was told nonsense.
const MISUSED: u8 = 2;

static WORKER: OnceLock<Worker> = OnceLock::new();

/// Is this process to be a worker? Then it is one until the host lets go of it, and this is its exit code. `args`: without the
/// program's name.
pub fn intercept(args: impl IntoIterator<Item = OsString>) -> Option<ExitCode> {
    let mut args = args.into_iter();
    if args.next()? != FLAG {
        return None;
    }
    let (library, limits) = (args.next(), args.next());
    let limits = limits.and_then(|limits| serde_json::from_str(limits.to_str()?).ok());
    Some(match (library, limits) {
        (Some(library), Some(limits)) => main(Path::new(&library), &limits),
        _ => ExitCode::from(MISUSED),
    })
}

struct Worker {
    socket: OwnedFd,
    loaded: Loaded,
    tasks: Tasks,
    views: Views,
    /// A thread looks for the next message and does not sleep.
    is_looked_for: AtomicBool,
}

fn main(library: &Path, limits: &Limits) -> ExitCode {
    let Ok(socket) = sandbox::settle() else { return ExitCode::from(MISUSED) };
    let mut kept = sandbox::limit(limits);
    kept.extend(sandbox::before_loading(library));
    let loaded = match library::load(library) {
        Ok(loaded) => loaded,
        Err(refusal) => {
            let _ = tell_through(&socket, &Tell::Refused { why: refusal.to_string() });
            return ExitCode::FAILURE;
        }
    };
    kept.extend(sandbox::before_serving());
    let sandbox = kept.join(", ");
    let worker = Worker {
        socket,
        loaded,
        tasks: Tasks::default(),
        views: Views::default(),
        is_looked_for: AtomicBool::new(false),
    };
    let worker = WORKER.get_or_init(|| worker);
    for n in 0..THREADS {
        let named = std::thread::Builder::new().name(format!("worker-{n}")).stack_size(STACK_BYTES);
        if named.spawn(|| worker.serve()).is_err() {
            return ExitCode::from(MISUSED);
        }
    }
    worker.tell(&Tell::Ready { sandbox });
    // Threads that never come back from a step must not outlive the host.
    loop {
        let mut end = [PollFd::new(&worker.socket, PollFlags::empty())];
        if poll(&mut end, None).is_ok_and(|n| n > 0) {
            sandbox::exit();
        }
    }
}

fn tell_through(socket: &OwnedFd, tell: &Tell) -> std::io::Result<()> {
    let mut bytes = BytesMut::new();
    frame::write_tell(tell, &views::Nothing, &mut bytes);
    socket::send(socket.as_fd(), &bytes, SendFlags::empty())
}

impl Worker {
    /// One of the threads that carry out steps: whichever is free takes the next message.
    fn serve(&self) {
        let mut room = socket::room();
        loop {
            match self.next(&mut room) {
                Ok(Came::Message(message)) => match frame::read_ask(message, &self.views) {
                    Ok(ask) => self.hear(ask),
                    Err(_) => sandbox::exit(),
                },
                Ok(Came::Place { number, len, file }) => {
                    if self.views.add(number, len, &file).is_err() {
                        sandbox::exit();
                    }
                }
                Ok(Came::End) | Err(_) => sandbox::exit(),
            }
            let places = self.views.freed();
            if !places.is_empty() {
                self.tell(&Tell::Freed { places });
            }
        }
    }

    /// The next message. One of the threads looks for a moment before it sleeps: a step is often followed by the next at once.
    fn next(&self, room: &mut [u8]) -> std::io::Result<Came> {
        if !self.is_looked_for.swap(true, Ordering::AcqRel) {
            let until = Instant::now() + GLANCE;
            let came = loop {
                match socket::receive(self.socket.as_fd(), room, RecvFlags::DONTWAIT) {
                    Err(error)
                        if error.kind() == std::io::ErrorKind::WouldBlock && Instant::now() < until =>
                    {
                        std::thread::yield_now();
                    }
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break None,
                    came => break Some(came),
                }
            };
            self.is_looked_for.store(false, Ordering::Release);
            if let Some(came) = came {
                return came;
            }
        }
        socket::receive(self.socket.as_fd(), room, RecvFlags::empty())
    }

    fn hear(&self, ask: Ask) {
        match ask {
            Ask::Create { n, connector, instance, config } => {
                let config = crate::run::to_buf(config);
                let made = self.loaded.module.create(host::table(), &connector, &instance, config);
                let error = made.map(|object| self.tasks.add_instance(n, object)).err();
                self.tell(&Tell::Created { n, error });
            }
            Ask::Start { n, key, now_ms, what, meta, body } => {
                self.start((n, key), now_ms, &what, (meta, body))
            }
            Ask::Resume { key, now_ms, mut done } => {
                if let Some(task) = self.tasks.take(key) {
                    let tell = self.tasks.step(key, task, now_ms, &mut done);
                    self.tell(&tell);
                }
            }
            Ask::Drop { key } => self.tasks.remove(key),
            Ask::Shutdown { n } => {
                if let Some(instance) = self.tasks.instance(n) {
                    instance.shutdown();
                }
            }
            Ask::Forget { n } => self.tasks.forget_instance(n),
        }
    }

    fn start(&self, (n, key): (u64, u64), now_ms: u64, what: &str, (meta, body): (Buf, Buf)) {
        let started = match self.tasks.instance(n) {
            Some(instance) => {
                host::at(key, now_ms, || instance.start(key, what.into(), meta, body)).0.into_result()
            }
            None => Err(AbiError {
                code: "io".into(),
                detail: r#"{"message": "there is no such instance"}"#.into(),
            }),
        };
        let tell = match started {
            Ok(task) => {
                self.tasks.enter(key);
                self.tasks.step(key, task, now_ms, &mut Default::default())
            }
            Err(error) => tasks::failed(key, error),
        };
        self.tell(&tell);
    }

    fn tell(&self, tell: &Tell) {
        let mut bytes = BytesMut::with_capacity(512);
        frame::write_tell(tell, &self.views, &mut bytes);
        if socket::send(self.socket.as_fd(), &bytes, SendFlags::empty()).is_err() {
            sandbox::exit();
        }
    }
}
