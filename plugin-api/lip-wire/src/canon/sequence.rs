//! Makes interleaved parts sequential, for dialects whose parts come one after the other (Anthropic, Gemini).
use std::collections::BTreeMap;

use super::event::Event;

/// Per choice, lets the events of the oldest open part through at once and holds those of younger parts until it ends. A source that never interleaves is never
/// held; what is held is bounded by what the open younger parts contain.
#[derive(Debug, Default)]
pub struct Sequencer {
    choices: BTreeMap<u32, Lane>,
}

#[derive(Debug, Default)]
struct Lane {
    front: Option<u32>,
    held: BTreeMap<u32, Vec<Event>>,
}

impl Sequencer {
    /// Nothing held.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one event and emits, in order, all that may go now. Events of no part go at once; a `Stop`, `End` or `Failed` first releases what is held.
    pub fn push(&mut self, event: &Event, emit: &mut dyn FnMut(&Event)) {
        let Some(at) = event.at() else {
            match event {
                Event::Stop { choice, .. } => {
                    if let Some(lane) = self.choices.remove(choice) {
                        lane.release(emit);
                    }
                }
                Event::End | Event::Failed(_) => {
                    for (_, lane) in std::mem::take(&mut self.choices) {
                        lane.release(emit);
                    }
                }
                _ => {}
            }
            emit(event);
            return;
        };
        let lane = self.choices.entry(at.choice).or_default();
        if matches!(event, Event::PartStart { .. }) && lane.front.is_none() {
            lane.front = Some(at.part);
        }
        if lane.front == Some(at.part) {
            emit(event);
            if matches!(event, Event::PartEnd { .. }) {
                lane.advance(emit);
            }
        } else if matches!(event, Event::PartStart { .. }) || lane.held.contains_key(&at.part) {
            lane.held.entry(at.part).or_default().push(event.clone());
        } else {
            // Of a part that has ended: late, but not to be held for ever.
            emit(event);
        }
    }
}

impl Lane {
    /// The front has ended: release what the next parts have gathered, up to one that is still open.
    fn advance(&mut self, emit: &mut dyn FnMut(&Event)) {
        self.front = None;
        while let Some((part, events)) = self.held.pop_first() {
            events.iter().for_each(&mut *emit);
            if !matches!(events.last(), Some(Event::PartEnd { .. })) {
                self.front = Some(part);
                return;
            }
        }
    }

    fn release(self, emit: &mut dyn FnMut(&Event)) {
        self.held.values().flatten().for_each(emit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canon::{At, Part};

    #[test]
    fn younger_part_waits_for_the_older() {
        let at = |part| At { choice: 0, part };
        let start = |part| Event::PartStart { at: at(part), part: Box::new(Part::text("")) };
        let text = |part, text: &str| Event::Text { at: at(part), text: text.to_owned() };
        let end = |part| Event::PartEnd { at: at(part) };
        let mut sequencer = Sequencer::new();
        let mut seen = Vec::new();
        for event in [
            start(0),
            start(1),
            text(1, "b"),
            text(0, "a"),
            end(1),
            start(2),
            end(0),
            text(2, "c"),
            end(2),
            Event::End,
        ] {
            sequencer.push(&event, &mut |e| seen.push(e.clone()));
        }
        assert_eq!(
            seen,
            [
                start(0),
                text(0, "a"),
                end(0),
                start(1),
                text(1, "b"),
                end(1),
                start(2),
                text(2, "c"),
                end(2),
                Event::End
            ]
        );
    }
}
