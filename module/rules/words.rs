// SPDX-License-Identifier: GPL-2.0

//! The text of rules, taken apart.

#![forbid(unsafe_code)]

/// The words of a rule without its comment.
pub(super) fn of(rule: &[u8]) -> impl Iterator<Item = &[u8]> {
    let is_space = |&byte: &u8| byte == b' ' || byte == b'\t';
    rule.split(is_space).filter(|word| !word.is_empty())
}

/// The values of a list.
pub(super) fn list(word: &[u8]) -> impl Iterator<Item = &[u8]> {
    word.split(|&byte| byte == b',')
}

/// Splits a word at the first `separator`, if it has one.
pub(super) fn split_at(word: &[u8], separator: u8) -> (&[u8], Option<&[u8]>) {
    let mut parts = word.splitn(2, |&byte| byte == separator);
    (parts.next().unwrap_or_default(), parts.next())
}

/// How many values a list has. (The library's own counting could panic.)
pub(super) fn count(list: impl Iterator) -> usize {
    list.fold(0, |count: usize, _| count.wrapping_add(1))
}
