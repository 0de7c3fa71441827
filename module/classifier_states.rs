// SPDX-License-Identifier: GPL-2.0

//! The classifier's states along the start of a stream, one for each offset at which its socket may
//! come to stand.

#![forbid(unsafe_code)]

use classifier::Classifier;

/// How many states are stored.
const STATES: usize = 6;

/// How many of the stream's first bytes are stored. The states within them follow from them, and
/// the log shows them as the beginning of the first line.
const TEXT: usize = 18;

/// A packed classifier, of which offset and verdict are read as they are.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Packed(u32);

impl Packed {
    /// Stored in place of states for which there was no room. No packed classifier has this value.
    const OMITTED: Self = Self(u32::MAX);

    fn new(state: Classifier) -> Self {
        Self(state.pack())
    }

    fn unpack(self) -> Classifier {
        Classifier::unpack(self.0)
    }

    fn offset(self) -> u32 {
        Classifier::packed_offset(self.0)
    }

    fn is_decided(self) -> bool {
        Classifier::packed_is_decided(self.0)
    }

    /// Whether the bytes between it and `last`, which is `stored`, leave the state as it is.
    fn begins_run(self, stored: Self, last: Classifier) -> bool {
        Classifier::packed_is_moved(self.0, stored.0) && last.moved(self.offset()).is_some()
    }

    /// Whether it is the state at `offset`, or a decided one before.
    fn is_at(self, offset: u32) -> bool {
        match self.is_decided() {
            true => self.offset() <= offset,
            false => self.offset() == offset,
        }
    }
}

/// The classifier's states in a range of a stream, from a first offset to a last one.
///
/// TCP may come to stand at any offset within the data that have passed: a socket filter trims
/// segments, and TCP rewrites its out-of-order queue (`tcp_collapse_ofo_queue()`) before it drops
/// the queue's end (`tcp_prune_ofo_queue()`). So the state at every offset must be known. Stored are
/// the first state and the last; the states before and after a run of bytes that change only the
/// offset; and, of bytes that may be a version, the state after the last of them. Those between
/// follow from these, and those within the stored text follow from the text. If there is no room,
/// the last state is stored, and the one before it marked as omitted.
///
/// If each segment in flight makes the stream something other than HTTP by itself, in whatever
/// order they arrive, all states behind the first are decided ones ([`Self::add_decided`]).
#[derive(Clone, Copy)]
pub(crate) struct States {
    states: [Packed; STATES],
    text: [u8; TEXT],
    count: u8,
    text_len: u8,
}

impl States {
    /// Those of no stream.
    pub(crate) const NONE: Self = Self {
        states: [Packed(0); STATES],
        text: [0; TEXT],
        count: 0,
        text_len: 0,
    };

    /// A range that begins at `here`, and ends there until it is fed. Stored text before that
    /// offset is retained.
    pub(crate) fn restarted_at(mut self, here: Classifier) -> Self {
        self.truncate_text(here.offset());
        if let Some(first) = self.states.first_mut() {
            *first = Packed::new(here);
        }
        self.count = 1;
        self
    }

    /// Drops the text from `offset` on: the stream may get other bytes there.
    fn truncate_text(&mut self, offset: u32) {
        self.text_len = u32::from(self.text_len).min(offset) as u8;
    }

    fn packed(&self) -> &[Packed] {
        self.states.get(..self.count.into()).unwrap_or_default()
    }

    fn stored(&self) -> impl Iterator<Item = Packed> + '_ {
        let packed = self.packed().iter().copied();
        packed.filter(|&state| state != Packed::OMITTED)
    }

    /// The state at its first offset.
    pub(crate) fn first(&self) -> Classifier {
        self.stored().next().map(Packed::unpack).unwrap_or_default()
    }

    /// Its first offset.
    pub(crate) fn start(&self) -> u32 {
        self.stored().next().map_or(0, Packed::offset)
    }

    /// The state at its last offset, which is never omitted.
    pub(crate) fn last(&self) -> Classifier {
        let last = self.packed().last().copied();
        last.map(Packed::unpack).unwrap_or_default()
    }

    /// Whether a state behind the stream's beginning is undecided.
    pub(crate) fn is_undecided(&self) -> bool {
        self.stored()
            .any(|state| state.offset() != 0 && !state.is_decided())
    }

    /// Whether all states behind the first are decided ones; true if there are none.
    pub(crate) fn is_decided_after_first(&self) -> bool {
        self.stored().skip(1).all(Packed::is_decided)
    }

    /// Whether some states were omitted for lack of room.
    pub(crate) fn is_incomplete(&self) -> bool {
        self.packed().contains(&Packed::OMITTED)
    }

    /// The state at `offset`, if it is known. A decided state holds at all later offsets too.
    pub(crate) fn at(&self, offset: u32) -> Option<Classifier> {
        self.stored()
            .find(|state| state.is_at(offset))
            .map(Packed::unpack)
            .or_else(|| self.within_text(offset))
            .or_else(|| self.between(offset))
    }

    /// The state at an offset between two stored ones.
    fn between(&self, offset: u32) -> Option<Classifier> {
        self.packed().windows(2).find_map(|pair| {
            let &[first, last] = pair else { return None };
            let is_known = first != Packed::OMITTED && last != Packed::OMITTED;
            if !is_known || !(first.offset()..last.offset()).contains(&offset) {
                return None;
            }
            let (first, last) = (first.unpack(), last.unpack());
            // Two equal states within a version are not a run.
            last.earlier(offset)
                .or_else(|| first.moved(offset).filter(|_| is_run(first, last)))
        })
    }

    /// The state at an offset within the stored text.
    fn within_text(&self, offset: u32) -> Option<Classifier> {
        let text = self.text(offset);
        let is_within = offset > self.start() && text.len() == offset as usize;
        is_within.then(|| {
            let mut state = Classifier::new();
            state.feed(text);
            state
        })
    }

    /// The first bytes of the stream before `offset`, as far as they are stored.
    pub(crate) fn text(&self, offset: u32) -> &[u8] {
        let len = (offset as usize).min(self.text_len.into());
        self.text.get(..len).unwrap_or_default()
    }

    /// Feeds the bytes that follow the last offset, up to the one that decides. Returns whether the
    /// stream is still undecided.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> bool {
        let mut here = self.last();
        self.store_text(here.offset(), bytes);
        let mut rest = bytes;
        while here.verdict().is_none() {
            let (before, behind) = (here, here.skip(rest));
            if behind.len() != rest.len() {
                self.push(before, here);
            }
            let Some((byte, behind)) = behind.split_first() else {
                break;
            };
            let before = here;
            here.feed(core::slice::from_ref(byte));
            self.push(before, here);
            rest = behind;
        }
        here.verdict().is_none()
    }

    /// Stores bytes at `offset`, if they follow the stored ones.
    fn store_text(&mut self, offset: u32, bytes: &[u8]) {
        if offset != u32::from(self.text_len) {
            return;
        }
        let free = self.text.get_mut(offset as usize..).unwrap_or_default();
        let len = free.len().min(bytes.len());
        free.iter_mut()
            .zip(bytes)
            .for_each(|(free, byte)| *free = *byte);
        self.text_len = self.text_len.saturating_add(len as u8);
    }

    /// Adds the state after one more byte than `last`, or after several that leave it as it is.
    fn push(&mut self, last: Classifier, next: Classifier) {
        let packed = Packed::new(next);
        let is_implied = match *self.packed() {
            [.., before, stored] => self.implies(before, stored, last, next),
            _ => false,
        };
        let (count, stored) = (usize::from(self.count), &mut self.states);
        if let (true, Some(stored)) = (is_implied, stored.get_mut(count.wrapping_sub(1))) {
            *stored = packed;
        } else if !self.append(packed) {
            // The stored state before the last is now several steps away from it.
            let [.., before, last] = &mut self.states;
            *before = Packed::OMITTED;
            *last = packed;
        }
    }

    /// Whether `last`, which is `stored`, follows from `next` and what is stored besides, `before` being
    /// the state before it, so that `next` can replace it.
    fn implies(&self, before: Packed, stored: Packed, last: Classifier, next: Classifier) -> bool {
        if next.verdict().is_some() {
            // The socket can come to stand before the byte that decides: `last` must stay.
            return false;
        }
        if next.offset() <= u32::from(self.text_len) {
            return true;
        }
        match before.begins_run(stored, last) {
            true => is_run(last, next),
            false => next.earlier(last.offset()) == Some(last),
        }
    }

    fn append(&mut self, packed: Packed) -> bool {
        match self.states.get_mut(usize::from(self.count)) {
            Some(state) => {
                *state = packed;
                self.count = self.count.saturating_add(1);
                true
            }
            None => false,
        }
    }

    /// Adds a decided state that the stream may reach from the first one, besides others. Returns
    /// false if there is no room.
    #[must_use]
    pub(crate) fn add_decided(&mut self, decided: Classifier) -> bool {
        self.truncate_text(self.start());
        let covers = |other: Packed| other.is_decided() && other.offset() <= decided.offset();
        self.stored().any(covers) || self.append(Packed::new(decided))
    }
}

/// Whether the bytes between two states leave the state as it is. They do if nothing else was
/// stored between the two.
fn is_run(first: Classifier, last: Classifier) -> bool {
    first.moved(last.offset()) == Some(last)
}
