//! Messages to bytes.
use super::{Ask, EMPTY, LEND_FROM, LENT, Lent, Memory, Moment, SENT, Tell};
use crate::run::to_bytes;
use bytes::{BufMut, BytesMut};
use lip_abi::{AbiError, Buf, Completion, Event, Op, Step};

struct Writer<'a, M> {
    out: &'a mut BytesMut,
    memory: &'a M,
}

impl<M: Memory> Writer<'_, M> {
    fn payload(&mut self, buf: &Buf) {
        if buf.is_empty() {
            self.out.put_u8(EMPTY);
            return;
        }
        // Small ones are told by their length alone: no count is touched for them.
        let lent = (buf.len() >= LEND_FROM).then(|| self.memory.lend(&to_bytes(buf.clone()))).flatten();
        match lent {
            Some(Lent { place, at, len }) => {
                self.out.put_u8(LENT);
                self.out.put_u32_le(place);
                self.out.put_u64_le(at);
                self.out.put_u64_le(len);
            }
            None => {
                self.out.put_u8(SENT);
                self.text(buf);
            }
        }
    }

    fn moment(&mut self, moment: Moment) {
        self.out.put_u64_le(moment.now_ms);
        self.out.put_u64_le(moment.looks_until);
    }

    fn text(&mut self, bytes: &[u8]) {
        self.out.put_u32_le(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        self.out.put_slice(bytes);
    }

    fn count(&mut self, n: usize) {
        self.out.put_u32_le(u32::try_from(n).unwrap_or(u32::MAX));
    }

    fn error(&mut self, error: &AbiError) {
        self.payload(&error.code);
        self.payload(&error.detail);
    }

    fn completion(&mut self, one: &Completion) {
        self.out.put_u64_le(one.id);
        self.out.put_u32_le(one.status);
        self.out.put_u32_le(one.flags);
        self.out.put_u64_le(one.handle);
        self.out.put_u64_le(one.arg);
        self.payload(&one.meta);
        self.payload(&one.body);
    }

    fn op(&mut self, one: &Op) {
        self.out.put_u64_le(one.id);
        self.out.put_u32_le(one.kind);
        self.out.put_u32_le(one.flags);
        self.out.put_u64_le(one.handle);
        self.out.put_u64_le(one.arg);
        self.payload(&one.meta);
        self.payload(&one.body);
    }

    fn event(&mut self, one: &Event) {
        self.out.put_u32_le(one.kind);
        self.out.put_u32_le(one.index);
        self.out.put_u64_le(one.handle);
        self.out.put_u64_le(one.arg);
        self.payload(&one.meta);
        self.payload(&one.data);
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Pending => self.out.put_u8(0),
            Step::Done => self.out.put_u8(1),
            Step::Failed(error) => {
                self.out.put_u8(2);
                self.error(error);
            }
        }
    }
}

/// Appends `ask` to `out`.
pub(in super::super) fn write_ask(ask: &Ask, memory: &impl Memory, out: &mut BytesMut) {
    let mut to = Writer { out, memory };
    match ask {
        Ask::Create { n, connector, instance, config } => {
            to.out.put_u8(1);
            to.out.put_u64_le(*n);
            to.text(connector.as_bytes());
            to.text(instance.as_bytes());
            to.text(config);
        }
        Ask::Start { n, key, moment, what, meta, body } => {
            to.out.put_u8(2);
            to.out.put_u64_le(*n);
            to.out.put_u64_le(*key);
            to.moment(*moment);
            to.text(what.as_bytes());
            to.payload(meta);
            to.payload(body);
        }
        Ask::Resume { key, moment, done } => {
            to.out.put_u8(3);
            to.out.put_u64_le(*key);
            to.moment(*moment);
            to.count(done.len());
            done.iter().for_each(|one| to.completion(one));
        }
        Ask::Drop { key } => {
            to.out.put_u8(4);
            to.out.put_u64_le(*key);
        }
        Ask::Shutdown { n } => {
            to.out.put_u8(5);
            to.out.put_u64_le(*n);
        }
        Ask::Forget { n } => {
            to.out.put_u8(6);
            to.out.put_u64_le(*n);
        }
    }
}

/// Appends `tell` to `out`.
pub(in super::super) fn write_tell(tell: &Tell, memory: &impl Memory, out: &mut BytesMut) {
    let mut to = Writer { out, memory };
    match tell {
        Tell::Ready { sandbox } => {
            to.out.put_u8(65);
            to.text(sandbox.as_bytes());
        }
        Tell::Refused { why } => {
            to.out.put_u8(66);
            to.text(why.as_bytes());
        }
        Tell::Created { n, error } => {
            to.out.put_u8(67);
            to.out.put_u64_le(*n);
            to.out.put_u8(u8::from(error.is_some()));
            if let Some(error) = error {
                to.error(error);
            }
        }
        Tell::Stepped { key, woken, step, out: produced } => {
            to.out.put_u8(68);
            to.out.put_u64_le(*key);
            to.out.put_u8(u8::from(*woken));
            to.step(step);
            to.count(produced.ops.len());
            produced.ops.iter().for_each(|one| to.op(one));
            to.count(produced.cancels.len());
            produced.cancels.iter().for_each(|id| to.out.put_u64_le(*id));
            to.count(produced.events.len());
            produced.events.iter().for_each(|one| to.event(one));
        }
        Tell::Wake { key } => {
            to.out.put_u8(69);
            to.out.put_u64_le(*key);
        }
        Tell::Log { level, target, message } => {
            to.out.put_u8(70);
            to.out.put_u32_le(*level);
            to.text(target.as_bytes());
            to.text(message.as_bytes());
        }
        Tell::Freed { places } => {
            to.out.put_u8(71);
            to.count(places.len());
            places.iter().for_each(|place| to.out.put_u32_le(*place));
        }
    }
}
