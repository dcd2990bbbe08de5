//! The worker: a process that holds one library, hears what the host asks and tells what came of it. Nothing else is in it.
mod host;
mod lead;
mod tasks;
mod views;

use super::bell;
use super::frame::{self, Ask, Memory, Moment, Tell};
use super::limits::Limits;
use super::sandbox;
use super::socket::{self, Came};
use crate::library::{self, Loaded};
use bytes::BytesMut;
use lead::Lead;
use lip_abi::{AbiError, Buf};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::{RecvFlags, SendFlags};
use std::ffi::OsString;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::ExitCode;
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use tasks::Tasks;
use views::Views;

/// The first argument of a worker; then come the library and its limits.
pub(super) const FLAG: &str = "--plugin-worker";
/// Steps that one worker carries out at the same time.
const THREADS: usize = 4;
/// How long the one that listens looks for the next message before it sleeps.
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
    bell: OwnedFd,
    loaded: Loaded,
    tasks: Tasks,
    views: Views,
    lead: Lead,
}

fn main(library: &Path, limits: &Limits) -> ExitCode {
    let Ok((socket, bell)) = sandbox::settle() else { return ExitCode::from(MISUSED) };
    let mut kept = sandbox::limit(limits);
    kept.extend(sandbox::before_loading(library));
    let loaded = match library::load(library) {
        Ok(loaded) => loaded,
        Err(refusal) => {
            let _ = tell_through(&socket, &Tell::Refused { why: refusal.to_string() }, &views::Nothing);
            bell::ring(&bell);
            return ExitCode::FAILURE;
        }
    };
    kept.extend(sandbox::before_serving());
    let sandbox = kept.join(", ");
    let worker =
        Worker { socket, bell, loaded, tasks: Tasks::default(), views: Views::default(), lead: Lead::new() };
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

fn tell_through(socket: &OwnedFd, tell: &Tell, memory: &impl Memory) -> std::io::Result<()> {
    let mut bytes = BytesMut::with_capacity(512);
    frame::write_tell(tell, memory, &mut bytes);
    socket::send(socket.as_fd(), &bytes, SendFlags::empty())
}

impl Worker {
    /// One of the threads that carry out steps.
    fn serve(&self) {
        let mut room = socket::room();
        loop {
            self.lead.wait();
            while self.lead_on(&mut room) {}
        }
    }

    /// Takes the next message. Is the one after it this thread's too?
    fn lead_on(&self, room: &mut [u8]) -> bool {
        match self.next(room) {
            Ok(Came::Message(message)) => match frame::read_ask(message, &self.views) {
                Ok(ask) => self.lead.during(|| self.hear(ask)),
                Err(_) => sandbox::exit(),
            },
            Ok(Came::Place { number, len, file }) => {
                if self.views.add(number, len, &file).is_err() {
                    sandbox::exit();
                }
                true
            }
            Ok(Came::End) | Err(_) => sandbox::exit(),
        }
    }

    /// The next message. Looks for it for a moment before it sleeps: a step is often followed by the next at once.
    fn next(&self, room: &mut [u8]) -> std::io::Result<Came> {
        let until = Instant::now() + GLANCE;
        loop {
            match socket::receive(self.socket.as_fd(), room, RecvFlags::DONTWAIT) {
                Err(error) if error.kind() != std::io::ErrorKind::WouldBlock => return Err(error),
                Err(_) if Instant::now() < until => std::thread::yield_now(),
                Err(_) => return socket::receive(self.socket.as_fd(), room, RecvFlags::empty()),
                came => return came,
            }
        }
    }

    fn hear(&self, ask: Ask) {
        match ask {
            Ask::Create { n, connector, instance, config } => {
                let config = crate::run::to_buf(config);
                let made = self.loaded.module.create(host::table(), &connector, &instance, config);
                let error = made.map(|object| self.tasks.add_instance(n, object)).err();
                self.tell(&Tell::Created { n, error });
            }
            Ask::Start { n, key, moment, what, meta, body } => {
                let tell = self.start((n, key), moment, &what, (meta, body));
                self.answer(&tell, moment);
            }
            Ask::Resume { key, moment, mut done } => {
                if let Some(task) = self.tasks.take(key) {
                    let tell = self.tasks.step(key, task, moment.now_ms, &mut done);
                    self.answer(&tell, moment);
                }
            }
            Ask::Drop { key } => {
                self.tasks.remove(key);
                self.give_back();
            }
            Ask::Shutdown { n } => {
                if let Some(instance) = self.tasks.instance(n) {
                    instance.shutdown();
                }
            }
            Ask::Forget { n } => self.tasks.forget_instance(n),
        }
    }

    fn start(
        &self,
        (n, key): (u64, u64),
        Moment { now_ms, .. }: Moment,
        what: &str,
        (meta, body): (Buf, Buf),
    ) -> Tell {
        let started = match self.tasks.instance(n) {
            Some(instance) => {
                host::at(key, now_ms, || instance.start(key, what.into(), meta, body)).0.into_result()
            }
            None => Err(AbiError {
                code: "io".into(),
                detail: r#"{"message": "there is no such instance"}"#.into(),
            }),
        };
        match started {
            Ok(task) => {
                self.tasks.enter(key);
                self.tasks.step(key, task, now_ms, &mut Default::default())
            }
            Err(error) => tasks::failed(key, error),
        }
    }

    /// Tells what a step brought. Whoever is looking for it needs no bell.
    fn answer(&self, tell: &Tell, to: Moment) {
        // First, so that one look finds both.
        self.give_back();
        self.send(tell);
        // Read after it was sent: what was there in time is found.
        if bell::now() >= to.looks_until {
            bell::ring(&self.bell);
        }
    }

    fn tell(&self, tell: &Tell) {
        self.send(tell);
        bell::ring(&self.bell);
    }

    /// Tells which lent memory is not needed any more. Not worth a wake: the host hears of it with what comes next.
    fn give_back(&self) {
        let places = self.views.freed();
        if !places.is_empty() {
            self.send(&Tell::Freed { places });
        }
    }

    fn send(&self, tell: &Tell) {
        if tell_through(&self.socket, tell, &self.views).is_err() {
            sandbox::exit();
        }
    }
}
