// SPDX-License-Identifier: GPL-2.0
//! What is kept of a request's target to be shown.

use crate::text::Text;

/// How much of a target is kept.
pub(crate) const TARGET_MAX: usize = 64;

/// The beginning of a target without its secrets: logs are read by more people than passwords are
/// meant for. Left out are the query, which is where tokens are, and the user and password before a
/// host.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RedactedTarget {
    text: Text<TARGET_MAX>,
    part: Part,
    /// The length before the latest white space, which may turn out to have ended the target.
    end: u8,
}

/// What the next byte belongs to.
#[derive(Clone, Copy, Debug)]
enum Part {
    /// What begins at that offset: a host, unless an `@` shows that it was a user and a password.
    Authority(u8),
    /// The path.
    Path,
    /// What is not kept: the query, or what follows bytes that are missing.
    Hidden,
}

impl RedactedTarget {
    pub(crate) const fn new() -> Self {
        Self {
            text: Text::new(),
            part: Part::Authority(0),
            end: 0,
        }
    }

    /// Takes the next byte.
    ///
    /// A user and password are taken out when their `@` comes, not when the target is shown: they
    /// may be longer than what is kept, and then only their beginning would be there, like a host.
    pub(crate) fn push(&mut self, byte: u8) {
        let text = self.text.as_bytes();
        match (self.part, byte) {
            (Part::Authority(start), b'@') => return self.text.truncate(start),
            // The slashes of `http://` begin the authority, any other ends it.
            (Part::Authority(0), b'/') if text.ends_with(b":") => {}
            (Part::Authority(0), b'/') if text.ends_with(b":/") => {
                self.part = Part::Authority(self.text.len().saturating_add(1));
            }
            (Part::Authority(_), b'/' | b'#') => self.part = Part::Path,
            (_, b'?') => self.part = Part::Hidden,
            _ => {}
        }
        if !matches!(self.part, Part::Hidden) {
            self.text.push(byte);
        }
    }

    /// Whether no byte of the target changes anything any more, but for white space.
    pub(crate) fn is_full(&self) -> bool {
        match self.part {
            Part::Hidden => true,
            Part::Path => usize::from(self.text.len()) == TARGET_MAX,
            Part::Authority(_) => false,
        }
    }

    /// Notes that white space follows.
    pub(crate) fn mark(&mut self) {
        self.end = self.text.len();
    }

    /// Ends the target where the latest white space began.
    pub(crate) fn end_at_mark(&mut self) {
        self.text.truncate(self.end);
    }

    /// Takes note that bytes are missing, and ends what is kept there: with all that is certainly part
    /// of the target and no secret.
    pub(crate) fn cut(&mut self) {
        if let Part::Authority(start) = self.part {
            // An `@` may have been missed.
            self.text.truncate(start);
        }
        self.part = Part::Hidden;
        self.mark();
    }

    /// What may be shown of the target if it is `complete`, or else of its beginning.
    pub(crate) fn as_bytes(&self, complete: bool) -> &[u8] {
        let text = self.text.as_bytes();
        match self.part {
            // An `@` may yet come.
            Part::Authority(start) if !complete => {
                text.get(..usize::from(start)).unwrap_or_default()
            }
            _ => text,
        }
    }
}
