//! Items and events that only this dialect understands: they go on as they came, under this stream's own numbers.
use super::{
    super::{answer::COMPLETED, wire},
    Encoder,
};
use crate::{
    canon::{Fields, Json},
    codec::Id,
};

/// An item whose begin was told and whose end was not.
pub(super) struct Announced {
    /// `output_index` in the source's stream.
    source: Option<u64>,
    id: Option<String>,
    /// `output_index` in this stream.
    n: usize,
}

/// More open items than any answer has.
const ANNOUNCED_MAX: usize = 1024;

impl Encoder {
    /// An event as its source sent it.
    pub(super) fn native_event(&mut self, raw: &Json, out: &mut Vec<u8>) {
        let Some(fields) = raw.read::<Fields>() else {
            return self.losses.dropped("stream", "an event that is no object");
        };
        let Some(kind) = fields.get("type").and_then(Json::read::<String>) else {
            return self.losses.dropped("stream", "an event without type");
        };
        let source = fields.get("output_index").and_then(Json::read::<u64>);
        let n = if kind == "response.output_item.added" {
            if self.announced.len() >= ANNOUNCED_MAX {
                return self.losses.dropped("stream", "too many open items");
            }
            self.close_message(COMPLETED, out);
            let n = self.begin_item();
            let id = fields.get("item").and_then(item_id);
            self.announced.push(Announced { source, id, n });
            Some(n)
        } else {
            let known = self.announced.iter().find(|item| item.source == source);
            known.filter(|_| source.is_some()).map(|item| item.n)
        };
        if source.is_some() && n.is_none() {
            return self.losses.dropped("stream", "an event of an item that never began");
        }
        self.frame(&kind, out, |event| {
            event.opt("output_index", n);
            event.fields_except(Some(&fields), &["type", "sequence_number", "output_index"]);
        });
    }

    /// A whole item.
    pub(super) fn native_item(&mut self, raw: &Json, out: &mut Vec<u8>) {
        let id = item_id(raw);
        let announced = self.announced.iter().position(|item| item.id == id);
        let n = match announced {
            Some(at) => self.announced.remove(at).n,
            None => {
                let n = self.begin_item();
                self.frame("response.output_item.added", out, |event| {
                    event.put("output_index", &n);
                    event.raw("item", raw.get());
                });
                n
            }
        };
        self.item_done(n, raw.get().as_bytes().to_vec(), out);
    }
}

fn item_id(item: &Json) -> Option<String> {
    item.read::<wire::Item<'_>>()?.id.map(Id::into_owned)
}
