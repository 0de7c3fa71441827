// SPDX-License-Identifier: GPL-2.0

//! What has changed on this thread behind shared references.
//!
//! A cell (a lock with what it protects, an atomic) is entered when it is about to be changed for
//! the first time, and its value is kept: [`rewind`] puts all of them back to it. Cells are used by
//! one thread, and live as long as that.

use core::{
    cell::{Cell, RefCell},
    hash::Hasher,
};

/// A cell's place in the log.
#[derive(Debug)]
pub(crate) struct Mark {
    /// 1 plus the index of its entry, or 0.
    entry: Cell<u32>,
    /// The number that tells it from others in [`hash`]; 0 if it is left out there.
    number: u32,
}

struct Entry {
    number: u32,
    memory: *mut u8,
    before: Box<[u8]>,
    is_changed: bool,
}

thread_local! {
    static NUMBER: Cell<u32> = const { Cell::new(0) };
    static ENTRIES: RefCell<Vec<Entry>> = const { RefCell::new(Vec::new()) };
    static CHANGED: RefCell<Vec<u32>> = const { RefCell::new(Vec::new()) };
}

impl Mark {
    /// That of a cell which [`hash`] leaves out.
    pub(crate) const fn new() -> Self {
        Self {
            entry: Cell::new(0),
            number: 0,
        }
    }

    /// That of a cell with a number, which is one more than that of the last.
    pub(crate) fn numbered() -> Self {
        NUMBER.set(NUMBER.get() + 1);
        Self {
            entry: Cell::new(0),
            number: NUMBER.get(),
        }
    }

    /// The cell in the memory from `memory` on, of `size` bytes, is about to be changed.
    ///
    /// # Safety
    ///
    /// The memory must be valid for reads and writes for as long as the thread lives, but for the
    /// times when a reference to it is used.
    pub(crate) unsafe fn change(&self, memory: *mut u8, size: usize) {
        ENTRIES.with_borrow_mut(|entries| {
            if self.entry.get() == 0 {
                let mut before = vec![0; size].into_boxed_slice();
                // SAFETY: By this function's requirements.
                unsafe { core::ptr::copy_nonoverlapping(memory, before.as_mut_ptr(), size) };
                entries.push(Entry {
                    number: self.number,
                    memory,
                    before,
                    is_changed: false,
                });
                self.entry.set(entries.len() as u32);
            }
            let entry = &mut entries[self.entry.get() as usize - 1];
            if !entry.is_changed {
                entry.is_changed = true;
                CHANGED.with_borrow_mut(|changed| changed.push(self.entry.get()));
            }
        });
    }
}

/// Puts all cells back to what they were at first. None of them may be in use.
///
/// # Safety
///
/// Nobody may hold a reference to what is in a cell.
pub unsafe fn rewind() {
    ENTRIES.with_borrow_mut(|entries| {
        CHANGED.with_borrow_mut(|changed| {
            for number in changed.drain(..) {
                let entry = &mut entries[number as usize - 1];
                entry.is_changed = false;
                // SAFETY: By the requirements of `change()` and of this function.
                unsafe {
                    core::ptr::copy_nonoverlapping(
                        entry.before.as_ptr(),
                        entry.memory,
                        entry.before.len(),
                    )
                };
            }
        })
    });
}

/// Feeds a hasher what differs from what it was at first: of cells with a number alone.
pub fn hash(hasher: &mut impl Hasher) {
    const BLOCK: usize = 64;
    ENTRIES.with_borrow(|entries| {
        CHANGED.with_borrow_mut(|changed| {
            changed.sort_unstable_by_key(|&number| entries[number as usize - 1].number);
            for &number in changed.iter() {
                let entry = &entries[number as usize - 1];
                if entry.number == 0 {
                    continue;
                }
                // SAFETY: The memory is valid for reads, by the requirements of `change()`; it was
                // zeroed before it was initialised.
                let now = unsafe { core::slice::from_raw_parts(entry.memory, entry.before.len()) };
                for (index, (now, before)) in now
                    .chunks(BLOCK)
                    .zip(entry.before.chunks(BLOCK))
                    .enumerate()
                {
                    if now != before {
                        hasher.write_u32(entry.number);
                        hasher.write_u32(index as u32);
                        hasher.write(now);
                    }
                }
            }
        })
    });
}

/// What the cells of a thread were at some time.
#[derive(Debug)]
pub struct Snapshot(Vec<(u32, Box<[u8]>)>);

impl Snapshot {
    /// What they are now.
    pub fn take() -> Self {
        ENTRIES.with_borrow(|entries| {
            CHANGED.with_borrow(|changed| {
                let copy = |&number: &u32| {
                    let entry = &entries[number as usize - 1];
                    // SAFETY: By the requirements of `change()`.
                    let now =
                        unsafe { core::slice::from_raw_parts(entry.memory, entry.before.len()) };
                    (number, now.into())
                };
                Self(changed.iter().map(copy).collect())
            })
        })
    }

    /// Puts all cells back to that.
    ///
    /// # Safety
    ///
    /// Nobody may hold a reference to what is in a cell.
    pub unsafe fn restore(&self) {
        // SAFETY: By this function's requirements.
        unsafe { rewind() };
        ENTRIES.with_borrow_mut(|entries| {
            CHANGED.with_borrow_mut(|changed| {
                for (number, then) in &self.0 {
                    let entry = &mut entries[*number as usize - 1];
                    entry.is_changed = true;
                    changed.push(*number);
                    // SAFETY: By the requirements of `change()` and of this function.
                    unsafe {
                        core::ptr::copy_nonoverlapping(then.as_ptr(), entry.memory, then.len())
                    };
                }
            })
        });
    }
}
