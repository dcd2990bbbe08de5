//! Messages that stay between the user and LIP: commands and their local answers, recognised when a client replays its
//! history.
use crate::hash::MessageHash;
use std::{collections::HashMap, ops::Range};

/// What is done to a replayed message before it goes upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Splice {
    /// It was nothing but commands: it is left out.
    Drop,
    /// It was a local answer: it is left out where it directly follows a message that is left out. A model's own
    /// answer of the same text stays.
    DropReply,
    /// It held commands: these bytes of its text parts are cut, as `(part, span)`.
    Cut(Vec<(usize, Range<usize>)>),
}

/// One message, as the client sends it, and what is done to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hidden {
    /// The message.
    pub message: MessageHash,
    /// What is done.
    pub splice: Splice,
}

impl Hidden {
    pub(crate) fn weight(&self) -> usize {
        let cuts = match &self.splice {
            Splice::Drop | Splice::DropReply => 0,
            Splice::Cut(spans) => spans.capacity() * size_of::<(usize, Range<usize>)>(),
        };
        // The list that holds it grows by doubling.
        2 * size_of::<Self>() + cuts
    }
}

/// What to do to which messages of a replayed history, by position. The newest message is the caller's to judge: pass
/// the history without it.
pub fn splices<'a>(
    history: &[MessageHash],
    hidden: impl IntoIterator<Item = &'a Hidden>,
) -> Vec<(usize, &'a Splice)> {
    let known: HashMap<(MessageHash, bool), &Splice> =
        hidden.into_iter().map(|h| ((h.message, h.splice == Splice::DropReply), &h.splice)).collect();
    let mut found = Vec::new();
    if known.is_empty() {
        return found;
    }
    let mut dropped = false;
    for (i, message) in history.iter().enumerate() {
        let splice = match known.get(&(*message, true)) {
            Some(reply) if dropped => Some(reply),
            Some(_) | None => known.get(&(*message, false)),
        };
        dropped = matches!(splice, Some(Splice::Drop));
        if let Some(splice) = splice {
            found.push((i, *splice));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::message_hash;

    fn hash(role: &str, text: &str) -> MessageHash {
        message_hash(role, [text.as_bytes()])
    }

    #[test]
    fn commands_and_their_answers_are_left_out() {
        let cut = Splice::Cut(vec![(0, 0..9)]);
        let hidden = [
            Hidden { message: hash("user", "!/hello"), splice: Splice::Drop },
            Hidden { message: hash("assistant", "Hello"), splice: Splice::DropReply },
            Hidden { message: hash("user", "!/low\ngo"), splice: cut.clone() },
        ];
        let history = [
            hash("user", "hi"),
            hash("assistant", "Hello"),
            hash("user", "!/hello"),
            hash("assistant", "Hello"),
            hash("user", "!/low\ngo"),
            hash("assistant", "Hello"),
        ];
        let got = splices(&history, &hidden);
        assert_eq!(got, [(2, &Splice::Drop), (3, &Splice::DropReply), (4, &cut)]);
        assert!(splices(&history, &[]).is_empty());
    }
}
