//! Bytes to messages. Nothing is made before it is known to fit.
use super::{
    Ask, CANCELS_MAX, DONE_MAX, EMPTY, EVENTS_MAX, FREED_MAX, LENT, Lent, Malformed, Memory, Moment, OPS_MAX,
    SENT, Tell,
};
use crate::run::to_buf;
use bytes::Bytes;
use lip_abi::abi_stable::std_types::RVec;
use lip_abi::{AbiError, Buf, Completion, Event, Op, Step, StepOut};

struct Reader<'a, M> {
    from: Bytes,
    memory: &'a M,
}

impl<M: Memory> Reader<'_, M> {
    fn bytes(&mut self, n: usize) -> Result<Bytes, Malformed> {
        if n > self.from.len() {
            return Err(Malformed("it ends too early"));
        }
        Ok(self.from.split_to(n))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let Some(head) = self.from.first_chunk::<N>() else { return Err(Malformed("it ends too early")) };
        let head = *head;
        bytes::Buf::advance(&mut self.from, N);
        Ok(head)
    }

    fn u8(&mut self) -> Result<u8, Malformed> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    fn u32(&mut self) -> Result<u32, Malformed> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn moment(&mut self) -> Result<Moment, Malformed> {
        Ok(Moment { now_ms: self.u64()?, looks_until: self.u64()? })
    }

    fn u64(&mut self) -> Result<u64, Malformed> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    fn flag(&mut self) -> Result<bool, Malformed> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed("a flag is neither 0 nor 1")),
        }
    }

    fn text(&mut self) -> Result<Bytes, Malformed> {
        let n = self.u32()?;
        self.bytes(usize::try_from(n).unwrap_or(usize::MAX))
    }

    fn words(&mut self) -> Result<String, Malformed> {
        Ok(String::from_utf8_lossy(&self.text()?).into_owned())
    }

    /// How many follow; none of them is shorter than `least` bytes.
    fn count(&mut self, max: usize, least: usize) -> Result<usize, Malformed> {
        let n = usize::try_from(self.u32()?).unwrap_or(usize::MAX);
        if n > max || n.saturating_mul(least) > self.from.len() {
            return Err(Malformed("it counts more than it can hold"));
        }
        Ok(n)
    }

    fn payload(&mut self) -> Result<Buf, Malformed> {
        match self.u8()? {
            EMPTY => Ok(Buf::empty()),
            SENT => Ok(to_buf(self.text()?)),
            LENT => {
                let lent = Lent { place: self.u32()?, at: self.u64()?, len: self.u64()? };
                self.memory.view(lent).map(to_buf).ok_or(Malformed("it names memory that is not lent"))
            }
            _ => Err(Malformed("a payload is of no known kind")),
        }
    }

    fn error(&mut self) -> Result<AbiError, Malformed> {
        Ok(AbiError { code: self.payload()?, detail: self.payload()? })
    }

    fn completion(&mut self) -> Result<Completion, Malformed> {
        Ok(Completion {
            id: self.u64()?,
            status: self.u32()?,
            flags: self.u32()?,
            handle: self.u64()?,
            arg: self.u64()?,
            meta: self.payload()?,
            body: self.payload()?,
        })
    }

    fn op(&mut self) -> Result<Op, Malformed> {
        Ok(Op {
            id: self.u64()?,
            kind: self.u32()?,
            flags: self.u32()?,
            handle: self.u64()?,
            arg: self.u64()?,
            meta: self.payload()?,
            body: self.payload()?,
        })
    }

    fn event(&mut self) -> Result<Event, Malformed> {
        Ok(Event {
            kind: self.u32()?,
            index: self.u32()?,
            handle: self.u64()?,
            arg: self.u64()?,
            meta: self.payload()?,
            data: self.payload()?,
        })
    }

    fn step(&mut self) -> Result<Step, Malformed> {
        match self.u8()? {
            0 => Ok(Step::Pending),
            1 => Ok(Step::Done),
            2 => Ok(Step::Failed(self.error()?)),
            _ => Err(Malformed("a step ends in no known way")),
        }
    }

    fn list<T>(
        &mut self,
        (max, least): (usize, usize),
        mut one: impl FnMut(&mut Self) -> Result<T, Malformed>,
    ) -> Result<RVec<T>, Malformed> {
        let n = self.count(max, least)?;
        let mut all = RVec::with_capacity(n);
        for _ in 0..n {
            all.push(one(self)?);
        }
        Ok(all)
    }

    fn end(self) -> Result<(), Malformed> {
        if self.from.is_empty() { Ok(()) } else { Err(Malformed("bytes follow its end")) }
    }
}

/// The shortest record of each list, in bytes.
const OP_BYTES: usize = 34;
const EVENT_BYTES: usize = 26;

/// Reads a message of the host's.
pub(in super::super) fn read_ask(from: Bytes, memory: &impl Memory) -> Result<Ask, Malformed> {
    let mut of = Reader { from, memory };
    let ask = match of.u8()? {
        1 => Ask::Create { n: of.u64()?, connector: of.words()?, instance: of.words()?, config: of.text()? },
        2 => Ask::Start {
            n: of.u64()?,
            key: of.u64()?,
            moment: of.moment()?,
            what: of.words()?,
            meta: of.payload()?,
            body: of.payload()?,
        },
        3 => Ask::Resume {
            key: of.u64()?,
            moment: of.moment()?,
            done: of.list((DONE_MAX, OP_BYTES), Reader::completion)?,
        },
        4 => Ask::Drop { key: of.u64()? },
        5 => Ask::Shutdown { n: of.u64()? },
        6 => Ask::Forget { n: of.u64()? },
        _ => return Err(Malformed("it is of no known kind")),
    };
    of.end()?;
    Ok(ask)
}

/// Reads a message of a worker's.
pub(in super::super) fn read_tell(from: Bytes, memory: &impl Memory) -> Result<Tell, Malformed> {
    let mut of = Reader { from, memory };
    let tell = match of.u8()? {
        65 => Tell::Ready { sandbox: of.words()? },
        66 => Tell::Refused { why: of.words()? },
        67 => {
            let n = of.u64()?;
            let error = if of.flag()? { Some(of.error()?) } else { None };
            Tell::Created { n, error }
        }
        68 => Tell::Stepped {
            key: of.u64()?,
            woken: of.flag()?,
            step: of.step()?,
            out: StepOut {
                ops: of.list((OPS_MAX, OP_BYTES), Reader::op)?,
                cancels: of.list((CANCELS_MAX, 8), Reader::u64)?,
                events: of.list((EVENTS_MAX, EVENT_BYTES), Reader::event)?,
            },
        },
        69 => Tell::Wake { key: of.u64()? },
        70 => Tell::Log { level: of.u32()?, target: of.words()?, message: of.words()? },
        71 => Tell::Freed { places: of.list((FREED_MAX, 4), Reader::u32)?.into_iter().collect() },
        _ => return Err(Malformed("it is of no known kind")),
    };
    of.end()?;
    Ok(tell)
}
