//! How the host hears a worker: by looking for its answers, and by its bell.
use super::Link;
use super::slot::Slot;
use super::watch::{LOOK_EVERY, Watch};
use crate::cage::bell::{self, Heard};
use crate::cage::frame::{self, Tell};
use crate::cage::socket::{self, Came};
use crate::refusal::tidy;
use rustix::net::RecvFlags;
use std::io;
use std::os::fd::AsFd;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Messages that are read before other tasks of this thread get their turn.
const MESSAGES_PER_TURN: usize = 64;
/// How long a thread looks for the end of a step before it does other things.
pub(in crate::cage) const GLANCE: Duration = Duration::from_micros(30);
/// What a worker may say of its beginning.
const WORDS_BYTES_MAX: usize = 300;

impl Link {
    /// The first word of the worker: what its sandbox is made of.
    ///
    /// # Errors
    /// Why its library is not loaded; empty when it ended without a word.
    pub(in crate::cage) async fn first(&self) -> Result<String, String> {
        let mut room = socket::room();
        loop {
            let Ok(mut ready) = self.bell.readable().await else { return Err(String::new()) };
            let heard = bell::hear(self.bell.get_ref());
            match socket::receive(self.socket.as_fd(), &mut room, RecvFlags::DONTWAIT) {
                Ok(Came::Message(message)) => match frame::read_tell(message, &self.lender) {
                    // Code of the library may have spoken first.
                    Ok(Tell::Ready { sandbox }) => return Ok(tidy(&sandbox, WORDS_BYTES_MAX)),
                    Ok(Tell::Refused { why }) => return Err(tidy(&why, WORDS_BYTES_MAX)),
                    // What constructors of the library write.
                    Ok(tell) => self.hear(tell),
                    Err(wrong) => return Err(format!("it broke the rules of the cage: {}", wrong.0)),
                },
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => match heard {
                    Heard::Ring => {}
                    Heard::Nothing => ready.clear_ready(),
                    Heard::End => return Err(String::new()),
                },
                Ok(Came::Place { .. } | Came::End) | Err(_) => return Err(String::new()),
            }
        }
    }

    /// Waits until that moment without giving up the thread: most steps take less than it costs to sleep and to be woken. Others
    /// that want the processor get it.
    pub(in crate::cage) fn glance(&self, slot: &Slot, until: u64) {
        loop {
            // What came before the end of this look rang no bell: the last one must not miss it.
            let is_last = bell::now() >= until;
            let room = if is_last { Some(self.room.lock()) } else { self.room.try_lock() };
            match room.map(|mut room| self.drain(&mut room)) {
                Some(Ok(true)) if is_last => self.told.notify_one(),
                None | Some(Ok(_)) => {}
                // The pump finds the end by itself.
                Some(Err(how)) if how.is_empty() => return self.told.notify_one(),
                Some(Err(how)) => return self.condemn(how),
            }
            if is_last || slot.is_answered() {
                return;
            }
            std::thread::yield_now();
        }
    }

    /// Reads what comes and sends what waits, until the worker ends; says how it came to that.
    pub(in crate::cage) async fn pump(&self) -> String {
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut watch = Watch::default();
        loop {
            if let Some(why) = self.condemned.get() {
                return why.clone();
            }
            if self.closing.load(Ordering::Acquire) {
                return "it was not needed any more".to_owned();
            }
            let drained = self.drain(&mut self.room.lock());
            match drained {
                Ok(true) => {
                    tokio::task::yield_now().await;
                    continue;
                }
                Ok(false) => {}
                Err(how) => return how,
            }
            tokio::select! {
                ready = self.bell.readable() => {
                    let Ok(mut ready) = ready else { return "its bell broke".to_owned() };
                    match bell::hear(self.bell.get_ref()) {
                        Heard::Ring => {}
                        Heard::Nothing => ready.clear_ready(),
                        // It has ended, or it cannot be heard any more.
                        Heard::End => return self.last_words(),
                    }
                }
                flushed = self.flushed(), if self.is_full.load(Ordering::Acquire) => {
                    if flushed.is_err() {
                        return String::new();
                    }
                }
                () = self.told.notified() => {}
                _ = look.tick() => self.look(&mut watch),
            }
        }
    }

    /// Reads what is left of a worker that can ring no more: it has ended, or closed what it was given.
    fn last_words(&self) -> String {
        let mut room = self.room.lock();
        loop {
            match self.drain(&mut room) {
                Ok(true) => {}
                Ok(false) => return "it broke the rules of the cage: it closed its bell".to_owned(),
                Err(how) => return how,
            }
        }
    }

    /// Sends what found no room, once there is some. Only then is the socket listened to: it tells of each message that is read.
    async fn flushed(&self) -> io::Result<()> {
        // SAFETY: the descriptor is borrowed from an `OwnedFd`, open and the same for as long as this lives.
        let socket = unsafe { AsyncFd::register_with_interest(self.socket.as_fd(), Interest::WRITABLE) }?;
        loop {
            let mut ready = socket.writable().await?;
            match self.flush() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready.clear_ready(),
                flushed => return flushed,
            }
        }
    }

    /// Reads until nothing is left; `true`: there may be more.
    fn drain(&self, room: &mut [u8]) -> Result<bool, String> {
        for _ in 0..MESSAGES_PER_TURN {
            match socket::receive(self.socket.as_fd(), room, RecvFlags::DONTWAIT) {
                Ok(Came::Message(message)) => {
                    let tell = frame::read_tell(message, &self.lender)
                        .map_err(|wrong| format!("it broke the rules of the cage: {}", wrong.0))?;
                    self.hear(tell);
                }
                Ok(Came::Place { .. }) => {
                    return Err("it broke the rules of the cage: it sent memory".to_owned());
                }
                Ok(Came::End) => return Err(String::new()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    return Err(format!("it broke the rules of the cage: {error}"));
                }
                Err(_) => return Err(String::new()),
            }
        }
        Ok(true)
    }
}
