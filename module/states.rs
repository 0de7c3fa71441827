// SPDX-License-Identifier: GPL-2.0

//! The states of a stream's start, one for each offset at which its socket may come to stand.

use classifier::Classifier;

/// How many states are kept.
const STATES: usize = 6;

/// How many bytes of the stream are kept, which tell the states within them and are shown as its
/// first line.
const TEXT: usize = 18;

/// Stands for states that are not kept. No classifier is packed so.
const LEFT_OUT: u32 = u32::MAX;

/// What is known of a stretch of a stream: the automaton's state at its first offset, and at all that
/// follow up to its last one.
///
/// TCP may come to stand anywhere in what was let through: a socket filter cuts segments short, and
/// the out-of-order queue is cut anew (`tcp_collapse_ofo_queue()`) before its end is dropped
/// (`tcp_prune_ofo_queue()`). So the state at each offset counts, and as few of them are kept as tell
/// the others: of a run that leaves the state as it is the first and the last, of a version its last
/// byte, of what the text covers none. If these are still too many, the last is kept, and those
/// before it are left out.
///
/// Where all that may be taken next decides for something else by itself, in whatever order it comes, the
/// states behind the first are all decided ([`Self::add`]).
#[derive(Clone, Copy)]
pub(crate) struct Trajectory {
    /// Packed classifiers, or [`LEFT_OUT`].
    states: [u32; STATES],
    text: [u8; TEXT],
    count: u8,
    text_len: u8,
}

impl Trajectory {
    /// That of no stream.
    pub(crate) const NONE: Self = Self {
        states: [0; STATES],
        text: [0; TEXT],
        count: 0,
        text_len: 0,
    };

    /// Whether it is [`Self::NONE`].
    pub(crate) fn is_none(&self) -> bool {
        self.count == 0
    }

    /// One that begins at `here`, and ends there as yet. Of the bytes before it those are kept that
    /// this one has.
    pub(crate) fn restarted(mut self, here: Classifier) -> Self {
        self.truncate_text(here.offset());
        if let Some(first) = self.states.first_mut() {
            *first = here.pack();
        }
        self.count = 1;
        self
    }

    /// Forgets the bytes from `offset` on: there may be others in their place.
    fn truncate_text(&mut self, offset: u32) {
        self.text_len = u32::from(self.text_len).min(offset) as u8;
    }

    fn packed(&self) -> &[u32] {
        self.states.get(..self.count.into()).unwrap_or_default()
    }

    fn known(&self) -> impl Iterator<Item = Classifier> + '_ {
        self.packed().iter().copied().filter_map(unpack)
    }

    /// The state at its first offset.
    pub(crate) fn first(&self) -> Classifier {
        self.known().next().unwrap_or_default()
    }

    /// The state at its last offset.
    pub(crate) fn last(&self) -> Classifier {
        self.known().last().unwrap_or_default()
    }

    /// Whether it was undecided anywhere behind the stream's beginning.
    pub(crate) fn is_undecided(&self) -> bool {
        self.known()
            .any(|known| known.offset() != 0 && known.verdict().is_none())
    }

    /// Whether it is decided wherever it comes to behind its first offset, if anywhere.
    pub(crate) fn is_decided_next(&self) -> bool {
        self.known().skip(1).all(|known| known.verdict().is_some())
    }

    /// Whether some states were left out for want of room.
    pub(crate) fn has_left_out(&self) -> bool {
        self.packed().contains(&LEFT_OUT)
    }

    /// The state at `offset`, if that is known: a decided one is good for all offsets behind its own.
    pub(crate) fn at(&self, offset: u32) -> Option<Classifier> {
        self.known()
            .find(|known| match known.verdict() {
                None => known.offset() == offset,
                Some(_) => known.offset() <= offset,
            })
            .or_else(|| self.within_text(offset))
            .or_else(|| self.between(offset))
    }

    /// The same between two states that are kept, behind what the text tells.
    fn between(&self, offset: u32) -> Option<Classifier> {
        self.packed().windows(2).find_map(|pair| {
            let &[first, last] = pair else { return None };
            let (first, last) = (unpack(first)?, unpack(last)?);
            if !(first.offset()..last.offset()).contains(&offset) {
                return None;
            }
            // Two that are the same in what may be a version are no run.
            last.earlier(offset)
                .or_else(|| first.moved(offset).filter(|_| is_run(first, last)))
        })
    }

    /// The same where the text tells it.
    fn within_text(&self, offset: u32) -> Option<Classifier> {
        let text = self.text(offset);
        let is_told = offset > self.first().offset() && text.len() == offset as usize;
        is_told.then(|| {
            let mut state = Classifier::new();
            state.feed(text);
            state
        })
    }

    /// The first bytes of the stream before `offset`, as far as they are kept.
    pub(crate) fn text(&self, offset: u32) -> &[u8] {
        let len = (offset as usize).min(self.text_len.into());
        self.text.get(..len).unwrap_or_default()
    }

    /// Goes on with the bytes that follow its last offset, up to the one that decides; whether it is
    /// still undecided.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> bool {
        let mut here = self.last();
        self.keep_text(here.offset(), bytes);
        let mut rest = bytes;
        while let (None, Some((byte, behind))) = (here.verdict(), rest.split_first()) {
            here.feed(core::slice::from_ref(byte));
            self.push(here);
            rest = here.skip(behind);
            if rest.len() != behind.len() {
                self.push(here);
            }
        }
        here.verdict().is_none()
    }

    /// Keeps bytes at `offset` that follow those it has.
    fn keep_text(&mut self, offset: u32, bytes: &[u8]) {
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

    /// Adds the state behind one more byte, or behind some that leave it as it is.
    fn push(&mut self, next: Classifier) {
        let is_told = match *self.packed() {
            [.., before, last] => self.tells(unpack(before), unpack(last), next),
            _ => false,
        };
        if is_told {
            self.replace_last(next.pack());
        } else if !self.append(next.pack()) {
            // The last but one is no longer what comes before the last.
            let [.., before, last] = &mut self.states;
            *before = LEFT_OUT;
            *last = next.pack();
        }
    }

    /// Whether `next` in place of `last` tells that one as well.
    fn tells(
        &self,
        before: Option<Classifier>,
        last: Option<Classifier>,
        next: Classifier,
    ) -> bool {
        let Some(last) = last else { return false };
        if next.verdict().is_some() {
            // That the socket can come to stand before it must be seen.
            return false;
        }
        if next.offset() <= u32::from(self.text_len) {
            return true;
        }
        match before.is_some_and(|before| is_run(before, last)) {
            true => is_run(last, next),
            false => next.earlier(last.offset()) == Some(last),
        }
    }

    fn replace_last(&mut self, packed: u32) {
        let last = usize::from(self.count).saturating_sub(1);
        if let Some(last) = self.states.get_mut(last) {
            *last = packed;
        }
    }

    fn append(&mut self, packed: u32) -> bool {
        match self.states.get_mut(usize::from(self.count)) {
            Some(state) => {
                *state = packed;
                self.count = self.count.saturating_add(1);
                true
            }
            None => false,
        }
    }

    /// Adds a decided state to which the stream may come from the first one, whatever else it may come
    /// to; false if there is no room.
    #[must_use]
    pub(crate) fn add(&mut self, decided: Classifier) -> bool {
        self.truncate_text(self.first().offset());
        let says_the_same =
            |other: Classifier| other.verdict().is_some() && other.offset() <= decided.offset();
        self.known().any(says_the_same) || self.append(decided.pack())
    }
}

fn unpack(packed: u32) -> Option<Classifier> {
    (packed != LEFT_OUT).then(|| Classifier::unpack(packed))
}

/// Whether all states between the two are the same as both of them. So it is if nothing else was kept
/// between them.
fn is_run(first: Classifier, last: Classifier) -> bool {
    first.moved(last.offset()) == Some(last)
}
