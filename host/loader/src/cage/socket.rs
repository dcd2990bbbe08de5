//! The socket between host and worker: whole messages, in order. Long ones lie in a file without a name that goes along.
use bytes::Bytes;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, fstat, memfd_create};
use rustix::io::{Errno, pread};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair, sockopt,
};
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// The longest message that goes through the socket itself.
pub(super) const PACKET_MAX: usize = 96 * 1024;
/// The longest message at all.
pub(super) const MESSAGE_MAX: usize = 256 << 20;
/// What a system keeps of messages that are not read yet.
const KERNEL_BYTES: usize = 1 << 20;

/// Two ends, closed in programs that either process starts.
pub(super) fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    for end in [&ours, &theirs] {
        // Best effort: the system's own limit does as well.
        let _ = sockopt::set_socket_send_buffer_size(end, KERNEL_BYTES);
    }
    Ok((ours, theirs))
}

/// Sends one message; `Err(WouldBlock)` when there is no room, with `flags` that do not wait.
pub(super) fn send(to: BorrowedFd<'_>, message: &[u8], flags: SendFlags) -> io::Result<()> {
    if message.len() <= PACKET_MAX {
        return packet(to, message, None, flags);
    }
    if message.len() > MESSAGE_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the message is too long"));
    }
    let file = memfd_create("lip-message", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    let mut rest = message;
    while !rest.is_empty() {
        let n = rustix::io::write(&file, rest)?;
        rest = rest.get(n..).unwrap_or_default();
    }
    fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE | SealFlags::SEAL)?;
    packet(to, &[LONG], Some(file.as_fd()), flags)
}

/// The only byte of a message whose text lies in the file beside it.
const LONG: u8 = 0;
/// The first byte of a message that brings memory; then its number and its length.
const PLACE: u8 = 255;

fn packet(
    to: BorrowedFd<'_>,
    bytes: &[u8],
    file: Option<BorrowedFd<'_>>,
    flags: SendFlags,
) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut beside = SendAncillaryBuffer::new(&mut space);
    let files = file.map(|file| [file]);
    if let Some(files) = &files {
        beside.push(SendAncillaryMessage::ScmRights(files));
    }
    loop {
        match sendmsg(to, &[IoSlice::new(bytes)], &mut beside, flags | SendFlags::NOSIGNAL) {
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Gives the other end the memory of place `number`, `len` bytes long.
pub(super) fn send_place(
    to: BorrowedFd<'_>,
    (number, len): (u32, usize),
    file: BorrowedFd<'_>,
    flags: SendFlags,
) -> io::Result<()> {
    let mut told = [PLACE; 13];
    let (_, numbers) = told.split_at_mut(1);
    let (place, bytes) = numbers.split_at_mut(4);
    place.copy_from_slice(&number.to_le_bytes());
    bytes.copy_from_slice(&(len as u64).to_le_bytes());
    packet(to, &told, Some(file), flags)
}

/// What came.
pub(super) enum Came {
    Message(Bytes),
    /// Memory for place `number`.
    Place {
        number: u32,
        len: usize,
        file: OwnedFd,
    },
    /// The other end is closed.
    End,
}

/// Where messages land, each in turn.
pub(super) fn room() -> Box<[u8]> {
    vec![0; PACKET_MAX].into_boxed_slice()
}

/// The next message; it lands in `room`.
pub(super) fn receive(from: BorrowedFd<'_>, room: &mut [u8], flags: RecvFlags) -> io::Result<Came> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut beside = RecvAncillaryBuffer::new(&mut space);
    let got = loop {
        let mut into = [IoSliceMut::new(room)];
        match recvmsg(from, &mut into, &mut beside, flags | RecvFlags::CMSG_CLOEXEC) {
            Err(Errno::INTR) => {}
            other => break other?,
        }
    };
    if got.bytes == 0 {
        return Ok(Came::End);
    }
    if got.flags.contains(rustix::net::ReturnFlags::TRUNC) {
        return Err(broken("a message is longer than any may be"));
    }
    let message = room.get(..got.bytes).unwrap_or_default();
    let mut files = beside.drain().filter_map(|one| match one {
        RecvAncillaryMessage::ScmRights(files) => Some(files),
        _ => None,
    });
    match files.next().and_then(|mut files| files.next()) {
        Some(file) if message == [LONG] => Ok(Came::Message(whole(&file)?)),
        Some(file) => match message {
            [PLACE, a, b, c, d, len @ ..] if len.len() == 8 => {
                let len = len.first_chunk().map_or(0, |len| u64::from_le_bytes(*len));
                let number = u32::from_le_bytes([*a, *b, *c, *d]);
                Ok(Came::Place { number, len: usize::try_from(len).unwrap_or(usize::MAX), file })
            }
            _ => Err(broken("a file came with a message that needs none")),
        },
        None if message == [LONG] => Err(broken("a long message came without its file")),
        None => Ok(Came::Message(Bytes::copy_from_slice(message))),
    }
}

/// The text of a long message. Only memory that nobody can change any more is read: nothing else ends in time and stays the same.
fn whole(file: &OwnedFd) -> io::Result<Bytes> {
    let sealed = SealFlags::SHRINK | SealFlags::WRITE;
    if !fcntl_get_seals(file).is_ok_and(|seals| seals.contains(sealed)) {
        return Err(broken("the file of a long message can still be changed"));
    }
    let len = usize::try_from(fstat(file)?.st_size).unwrap_or(usize::MAX);
    if len > MESSAGE_MAX {
        return Err(broken("a message is longer than any may be"));
    }
    let mut text = vec![0; len];
    let mut at = 0;
    while at < len {
        match pread(file, text.get_mut(at..).unwrap_or_default(), at as u64)? {
            0 => return Err(broken("the file of a long message is too short")),
            n => at += n,
        }
    }
    Ok(text.into())
}

pub(super) fn broken(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn message(from: &OwnedFd) -> io::Result<Bytes> {
        match receive(from.as_fd(), &mut room(), RecvFlags::empty())? {
            Came::Message(message) => Ok(message),
            Came::Place { .. } | Came::End => Err(broken("no message")),
        }
    }

    #[test]
    fn short_and_long_messages_come_as_they_were_sent() {
        let (ours, theirs) = pair().expect("a pair");
        for len in [1, 100, PACKET_MAX, PACKET_MAX + 1, 3 << 20] {
            let sent: Vec<u8> = (0..len).map(|n| (n % 251 + 1) as u8).collect();
            send(ours.as_fd(), &sent, SendFlags::empty()).expect("sent");
            assert_eq!(message(&theirs).expect("a message"), sent, "{len} bytes");
        }
        drop(ours);
        assert!(matches!(receive(theirs.as_fd(), &mut room(), RecvFlags::empty()), Ok(Came::End)));
    }

    #[test]
    fn a_full_socket_says_so() {
        let (ours, _theirs) = pair().expect("a pair");
        let full = (0..100_000).find_map(|_| send(ours.as_fd(), b"x", SendFlags::DONTWAIT).err());
        assert_eq!(full.map(|error| error.kind()), Some(io::ErrorKind::WouldBlock));
    }

    #[test]
    fn only_files_that_nobody_can_change_are_read() {
        let (ours, theirs) = pair().expect("a pair");
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(b"text").expect("written");
        packet(ours.as_fd(), &[LONG], Some(file.as_fd()), SendFlags::empty()).expect("sent");
        assert!(message(&theirs).expect_err("a file").to_string().contains("can still be changed"));
        packet(ours.as_fd(), b"hello", Some(file.as_fd()), SendFlags::empty()).expect("sent");
        assert!(message(&theirs).expect_err("a file").to_string().contains("needs none"));
        packet(ours.as_fd(), &[LONG], None, SendFlags::empty()).expect("sent");
        assert!(message(&theirs).expect_err("none").to_string().contains("without its file"));
    }
}
