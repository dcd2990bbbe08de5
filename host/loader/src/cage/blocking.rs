//! A worker for callers that wait: `lip plugin test`, `lip config check`. One question at a time, on the caller's thread.
use super::Cage;
use super::bell;
use super::frame::{self, Ask, Moment, Tell};
use super::lent::Lender;
use super::socket::{self, Came};
use crate::module::Module;
use bytes::BytesMut;
use lip_abi::abi_stable::sabi_trait::TD_Opaque;
use lip_abi::abi_stable::std_types::{RResult, RStr, RVec};
use lip_abi::{
    AbiError, Buf, Completion, ConnectorBox, ConnectorObj, ConnectorObj_TO, HostFns_Ref, Step, StepOut, Task,
    Task_TO, TaskBox,
};
use parking_lot::Mutex;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};
use std::os::fd::{AsFd, OwnedFd};
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Makes instances of a library's connectors the way a host sees them, whichever cage it is in.
#[derive(Clone)]
pub(crate) struct Factory(Kind);

#[derive(Clone)]
enum Kind {
    Here(Module),
    There(Arc<Shared>),
}

struct Shared {
    cage: Arc<Cage>,
    worker: Mutex<Option<Worker>>,
    instances: AtomicU64,
}

impl std::fmt::Debug for Factory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if matches!(self.0, Kind::Here(_)) { "Factory(inproc)" } else { "Factory(child)" })
    }
}

impl Factory {
    pub(crate) const fn here(module: Module) -> Self {
        Self(Kind::Here(module))
    }

    pub(crate) fn there(cage: Arc<Cage>) -> Self {
        let shared = Shared { cage, worker: Mutex::new(None), instances: AtomicU64::new(0) };
        Self(Kind::There(Arc::new(shared)))
    }

    /// Makes one. Blocks while its worker starts.
    ///
    /// # Errors
    /// The library's own error; the end of its worker.
    pub(crate) fn create(
        &self,
        host: HostFns_Ref,
        connector: &str,
        instance: &str,
        config: Buf,
    ) -> Result<ConnectorBox, AbiError> {
        let shared = match &self.0 {
            Kind::Here(module) => return module.create(host, connector, instance, config),
            Kind::There(shared) => Arc::clone(shared),
        };
        let n = shared.instances.fetch_add(1, Ordering::Relaxed);
        let config = bytes::Bytes::copy_from_slice(&config);
        let ask = Ask::Create { n, connector: connector.to_owned(), instance: instance.to_owned(), config };
        let created = |tell| match tell {
            Tell::Created { n: made, error } if made == n => Some(error),
            _ => None,
        };
        match shared.ask(host, &ask, created)? {
            Some(error) => Err(error),
            None => {
                let made = Arc::new(Made { shared, n });
                Ok(ConnectorObj_TO::from_value(Connector { made, host }, TD_Opaque))
            }
        }
    }
}

struct Worker {
    child: Child,
    socket: OwnedFd,
    /// Not listened to: this thread sleeps at the socket.
    _bell: OwnedFd,
    lender: Lender,
    room: Box<[u8]>,
    step: Duration,
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn error(code: &str, message: &str) -> AbiError {
    let detail = serde_json::json!({"message": message}).to_string();
    AbiError { code: code.to_owned().into(), detail: detail.into() }
}

impl Shared {
    /// Asks, and hears what comes until `wanted` takes it.
    fn ask<T>(
        &self,
        host: HostFns_Ref,
        ask: &Ask,
        wanted: impl Fn(Tell) -> Option<T>,
    ) -> Result<T, AbiError> {
        let mut slot = self.worker.lock();
        let worker = match slot.as_mut() {
            Some(worker) => worker,
            None => slot.insert(Worker::start(&self.cage).map_err(|why| error("plugin_died", &why))?),
        };
        let answered = worker.ask(host, ask, wanted);
        answered.map_err(|why| {
            let how = slot.take().and_then(|mut dead| dead.end());
            error("plugin_died", &format!("its worker ended: {}", how.unwrap_or(why)))
        })
    }

    fn tell(&self, ask: &Ask) {
        if let Some(worker) = self.worker.lock().as_ref() {
            let _ = worker.say(ask);
        }
    }
}

impl Worker {
    /// How it ended by itself, if it did.
    fn end(&mut self) -> Option<String> {
        for _ in 0..100 {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Some(crate::sys::death(status).0);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        None
    }

    fn start(cage: &Cage) -> Result<Self, String> {
        let (ours, theirs) = socket::pair().map_err(|e| e.to_string())?;
        let (bell, rung) = bell::pair().map_err(|e| e.to_string())?;
        let mut command = cage.command(theirs, rung).map_err(|e| e.to_string())?;
        let child = command.spawn().map_err(|e| e.to_string())?;
        drop(command);
        let (lender, room, step) = (Lender::default(), socket::room(), cage.limits.step);
        let mut worker = Self { child, socket: ours, _bell: bell, lender, room, step };
        let late = || format!("its library was not loaded within {} s", super::ENTRY_LIMIT.as_secs());
        match worker.hear(super::ENTRY_LIMIT)?.ok_or_else(late)? {
            Tell::Ready { .. } => Ok(worker),
            Tell::Refused { why } => Err(why),
            _ => Err("it broke the rules of the cage".to_owned()),
        }
    }

    fn say(&self, ask: &Ask) -> Result<(), String> {
        let mut bytes = BytesMut::new();
        frame::write_ask(ask, &self.lender, &mut bytes);
        while let Some(place) = self.lender.next_new() {
            let told = (place.number, place.bytes);
            socket::send_place(self.socket.as_fd(), told, place.file.as_fd(), SendFlags::empty())
                .map_err(|e| e.to_string())?;
        }
        socket::send(self.socket.as_fd(), &bytes, SendFlags::empty()).map_err(|e| e.to_string())
    }

    /// What comes within `time`.
    fn hear(&mut self, time: Duration) -> Result<Option<Tell>, String> {
        let (tv_sec, tv_nsec) =
            (i64::try_from(time.as_secs()).unwrap_or(i64::MAX), i64::from(time.subsec_nanos()));
        let limit = Timespec { tv_sec, tv_nsec };
        loop {
            let mut ready = [PollFd::new(&self.socket, PollFlags::IN)];
            match poll(&mut ready, Some(&limit)) {
                Ok(0) => return Ok(None),
                Ok(_) => break,
                // A child of the host's ended.
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.to_string()),
            }
        }
        let tell = match socket::receive(self.socket.as_fd(), &mut self.room, RecvFlags::empty()) {
            Ok(Came::Message(message)) => {
                frame::read_tell(message, &self.lender).map_err(|wrong| wrong.0.to_owned())
            }
            Ok(Came::Place { .. }) => Err("it sent memory".to_owned()),
            Ok(Came::End) => Err("it ended".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        tell.map(Some)
    }

    fn ask<T>(
        &mut self,
        host: HostFns_Ref,
        ask: &Ask,
        wanted: impl Fn(Tell) -> Option<T>,
    ) -> Result<T, String> {
        self.say(ask)?;
        let limit = self.step;
        loop {
            let tell = self.hear(limit)?.ok_or_else(|| format!("one step took longer than {limit:?}"))?;
            match tell {
                Tell::Wake { key } => (host.wake())(key),
                Tell::Log { level, target, message } => {
                    (host.log())(level, RStr::from(target.as_str()), RStr::from(message.as_str()));
                }
                Tell::Freed { places } => self.lender.take_back(&places),
                tell => {
                    if let Some(answer) = wanted(tell) {
                        return Ok(answer);
                    }
                }
            }
        }
    }
}

/// An instance in the worker. Whoever drops the last one has it forgotten there: the connector, or a task that has not begun.
struct Made {
    shared: Arc<Shared>,
    n: u64,
}

impl Drop for Made {
    fn drop(&mut self) {
        self.shared.tell(&Ask::Forget { n: self.n });
    }
}

struct Connector {
    made: Arc<Made>,
    host: HostFns_Ref,
}

impl ConnectorObj for Connector {
    fn start(&self, key: u64, what: RStr<'_>, meta: Buf, body: Buf) -> RResult<TaskBox, AbiError> {
        let shared = Arc::clone(&self.made.shared);
        let start = Some((Arc::clone(&self.made), what.as_str().to_owned(), meta, body));
        let task = RemoteTask { shared, host: self.host, key, start, is_over: false };
        RResult::ROk(Task_TO::from_value(task, TD_Opaque))
    }

    fn shutdown(&self) {
        self.made.shared.tell(&Ask::Shutdown { n: self.made.n });
    }
}

struct RemoteTask {
    shared: Arc<Shared>,
    host: HostFns_Ref,
    key: u64,
    start: Option<(Arc<Made>, String, Buf, Buf)>,
    is_over: bool,
}

impl Task for RemoteTask {
    fn resume(&mut self, done: &mut RVec<Completion>, out: &mut StepOut) -> Step {
        let (key, moment) = (self.key, Moment { now_ms: (self.host.now_unix_ms())(), looks_until: 0 });
        let mut begun = None;
        let ask = match self.start.take() {
            Some((made, what, meta, body)) => {
                let n = begun.insert(made).n;
                Ask::Start { n, key, moment, what, meta, body }
            }
            None => Ask::Resume { key, moment, done: std::mem::take(done) },
        };
        let stepped = self.shared.ask(self.host, &ask, |tell| match tell {
            Tell::Stepped { key: stepped, woken, step, out } if stepped == key => Some((woken, step, out)),
            _ => None,
        });
        match stepped {
            Ok((woken, step, mut produced)) => {
                out.ops.extend(produced.ops.drain(..));
                out.cancels.extend(produced.cancels.drain(..));
                out.events.extend(produced.events.drain(..));
                if woken {
                    (self.host.wake())(key);
                }
                self.is_over = !matches!(step, Step::Pending);
                step
            }
            Err(error) => {
                self.is_over = true;
                Step::Failed(error)
            }
        }
    }
}

impl Drop for RemoteTask {
    fn drop(&mut self) {
        if !self.is_over && self.start.is_none() {
            self.shared.tell(&Ask::Drop { key: self.key });
        }
    }
}
