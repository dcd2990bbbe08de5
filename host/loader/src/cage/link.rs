//! One life of a worker, as the host sees it: what is under way, what came back, how it ended.
mod instances;
mod listen;
mod slot;
mod watch;

pub(super) use listen::GLANCE;
pub(crate) use slot::Reply;
pub(super) use slot::Slot;

use super::frame::{self, Ask, Tell};
use super::lent::Lender;
use super::limits::Limits;
use super::socket;
use crate::stats::Stats;
use crate::{host_fns, run};
use base::{Fault, Kind, Retry};
use bytes::BytesMut;
use instances::Instances;
use lip_abi::Step;
use parking_lot::Mutex;
use rustix::net::SendFlags;
use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::Notify;

/// Messages about nothing that is under way which are borne between two looks.
const STRAYS_MAX: u64 = 4096;
/// Lines of the library's that are written between two looks.
const LINES_MAX: u64 = 256;

/// One life of a worker.
pub(super) struct Link {
    socket: OwnedFd,
    bell: AsyncFd<OwnedFd>,
    pid: u32,
    name: String,
    limits: Limits,
    stats: Arc<Stats>,
    lender: Lender,
    tasks: Mutex<HashMap<u64, Arc<Slot>>>,
    instances: Mutex<Instances>,
    /// Messages that found no room.
    unsent: Mutex<VecDeque<BytesMut>>,
    is_full: AtomicBool,
    told: Notify,
    /// Where messages land.
    room: Mutex<Box<[u8]>>,
    condemned: OnceLock<String>,
    ended: OnceLock<String>,
    closing: AtomicBool,
    began: Instant,
    strays: AtomicU64,
    lines: AtomicU64,
    /// Time that steps took since the last look, each from its start to its end.
    stepped_us: AtomicU64,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("pid", &self.pid).field("ended", &self.ended).finish_non_exhaustive()
    }
}

impl Link {
    pub(super) fn new(
        (socket, bell): (OwnedFd, OwnedFd),
        pid: u32,
        (name, limits): (&str, Limits),
        stats: Arc<Stats>,
    ) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(&socket, true)?;
        // SAFETY: an `OwnedFd` is open and the same until it is dropped, and nothing takes it out of there.
        let bell = unsafe { AsyncFd::register_with_interest(bell, Interest::READABLE) }?;
        Ok(Self {
            socket,
            bell,
            pid,
            name: name.to_owned(),
            limits,
            stats,
            lender: Lender::default(),
            tasks: Mutex::default(),
            instances: Mutex::default(),
            unsent: Mutex::default(),
            is_full: AtomicBool::new(false),
            told: Notify::new(),
            room: Mutex::new(socket::room()),
            condemned: OnceLock::new(),
            ended: OnceLock::new(),
            closing: AtomicBool::new(false),
            began: Instant::now(),
            strays: AtomicU64::new(0),
            lines: AtomicU64::new(0),
            stepped_us: AtomicU64::new(0),
        })
    }

    pub(super) const fn pid(&self) -> u32 {
        self.pid
    }

    /// How it ended; none while it lives.
    pub(super) fn end(&self) -> Option<&str> {
        self.ended.get().or_else(|| self.condemned.get()).map(String::as_str)
    }

    fn now_us(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX).saturating_add(1)
    }

    /// Ends the worker, for this reason.
    pub(super) fn condemn(&self, why: String) {
        let _ = self.condemned.set(why);
        self.told.notify_one();
    }

    /// Ends the worker: nobody needs it any more.
    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Release);
        self.told.notify_one();
    }

    /// A place for the replies to the task `key`.
    pub(super) fn open(&self, key: u64) -> Arc<Slot> {
        let slot = Arc::new(Slot::default());
        self.tasks.lock().insert(key, Arc::clone(&slot));
        // Whoever ended in between has missed it.
        if let Some(how) = self.end() {
            slot.put(Err(died(&self.name, how)));
        }
        slot
    }

    /// The task `key` is over; `is_running`: the worker still has it.
    pub(super) fn forget(&self, key: u64, is_running: bool) {
        self.tasks.lock().remove(&key);
        if is_running {
            self.say(&Ask::Drop { key });
        }
    }

    /// Sends a step of the task whose slot this is.
    pub(super) fn step(&self, slot: &Slot, ask: &Ask) {
        slot.cpu.store(0, Ordering::Relaxed);
        slot.waited.store(0, Ordering::Relaxed);
        slot.since.store(self.now_us(), Ordering::Release);
        self.say(ask);
    }

    /// Sends a message, now or when there is room.
    pub(super) fn say(&self, ask: &Ask) {
        let mut bytes = BytesMut::with_capacity(512);
        frame::write_ask(ask, &self.lender, &mut bytes);
        if bytes.len() > socket::MESSAGE_MAX {
            self.condemn("a message to it was too long".to_owned());
            return;
        }
        let mut unsent = self.unsent.lock();
        if unsent.is_empty() {
            match self.send(&bytes) {
                Ok(()) => return,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // The pump hears of the end as well, and knows more about it.
                Err(_) => return,
            }
        }
        unsent.push_back(bytes);
        self.is_full.store(true, Ordering::Release);
        drop(unsent);
        self.told.notify_one();
    }

    fn send(&self, bytes: &[u8]) -> io::Result<()> {
        let fd = self.socket.as_fd();
        while let Some(place) = self.lender.next_new() {
            let sent =
                socket::send_place(fd, (place.number, place.bytes), place.file.as_fd(), SendFlags::DONTWAIT);
            if let Err(error) = sent {
                self.lender.is_new_again(place.number);
                return Err(error);
            }
        }
        socket::send(fd, bytes, SendFlags::DONTWAIT)
    }

    /// Sends what found no room.
    fn flush(&self) -> io::Result<()> {
        let mut unsent = self.unsent.lock();
        while let Some(bytes) = unsent.front() {
            self.send(bytes)?;
            unsent.pop_front();
        }
        self.is_full.store(false, Ordering::Release);
        Ok(())
    }

    /// When it began.
    pub(super) const fn began(&self) -> Instant {
        self.began
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    fn hear(&self, tell: Tell) {
        match tell {
            Tell::Stepped { key, woken, step, out } => {
                let slot = self.tasks.lock().get(&key).cloned();
                match slot.filter(|slot| slot.since.load(Ordering::Acquire) != 0) {
                    Some(slot) => {
                        self.count(&slot, &step);
                        slot.put(Ok(Reply { step, out, woken }));
                    }
                    None => self.stray(),
                }
            }
            Tell::Wake { key } => {
                if self.tasks.lock().contains_key(&key) {
                    run::wake(key)
                } else {
                    self.stray()
                }
            }
            Tell::Created { n, error } => {
                if !self.made(n, error.as_ref()) {
                    self.stray();
                }
            }
            Tell::Log { level, target, message } => {
                if self.lines.fetch_add(1, Ordering::Relaxed) < LINES_MAX {
                    host_fns::line(level, target.as_bytes(), message.as_bytes());
                }
            }
            Tell::Freed { places } => self.lender.take_back(&places),
            Tell::Ready { .. } | Tell::Refused { .. } => self.stray(),
        }
    }

    fn count(&self, slot: &Slot, step: &Step) {
        let began = slot.since.load(Ordering::Acquire);
        let took = self.now_us().saturating_sub(began);
        self.stepped_us.fetch_add(took, Ordering::Relaxed);
        self.stats.step_ended(Duration::from_micros(took));
        if let Step::Failed(error) = step {
            self.stats.failed(error);
        }
    }

    fn stray(&self) {
        if self.strays.fetch_add(1, Ordering::Relaxed) > STRAYS_MAX {
            self.condemn("it broke the rules of the cage: it told too much about nothing".to_owned());
        }
    }

    /// The worker is gone: whoever waits for it hears how.
    pub(super) fn bury(&self, how: String) {
        let _ = self.ended.set(how);
        let how = self.end().unwrap_or_default();
        self.instances.lock().asked.clear();
        let tasks: Vec<_> = self.tasks.lock().iter().map(|(key, slot)| (*key, Arc::clone(slot))).collect();
        for (key, slot) in tasks {
            slot.put(Err(died(&self.name, how)));
            // Those that wait for an effect need not wait any longer.
            run::wake(key);
        }
        self.unsent.lock().clear();
    }
}

/// The fault of a turn whose worker is gone.
pub(super) fn died(name: &str, how: &str) -> Fault {
    let sentence = format!("the plugin {name} ended in the middle of its work: {how}");
    Fault::plugin(Kind::BadGateway, sentence).code("plugin_died").retry(Retry::Elsewhere)
}
