// SPDX-License-Identifier: GPL-2.0
//! The whole graph: every classifier that some stream leads to, with every byte that may come next.
//!
//! Each byte read moves the offset on by one, so the graph has a layer for each offset; and besides
//! its offset a classifier remembers one of few states, so that a layer has some 500 nodes.
//!
//! Nor does an edge depend on the offset but at the ends: a step compares it with 0, where the preface
//! and responses begin, with the places in their texts, of 12 and of 5 bytes, and with [`LIMIT`],
//! before which the last byte decides. So all layers between are alike but for what can't be reached
//! yet, and a method of 32 characters, the longest text that is counted, takes 32 bytes. The first
//! [`EDGE`] layers are walked one by one, until nothing new comes, and so are the last; of those
//! between every 1021st is compared with the layer where nothing new came.
//!
//! `cargo test` has overflow checks on, so that a panic on any edge would be met.

use std::collections::HashMap;
use std::iter::successors;
use std::sync::LazyLock;

use classifier::{Classifier, Verdict, LIMIT};

/// How many layers an end has, with room to spare.
const EDGE: u32 = 40;

/// The bits of a word below the offset.
const AUTOMATON_BITS: u32 = 14;

fn every_byte() -> impl Iterator<Item = u8> {
    0..=u8::MAX
}

fn fed(mut classifier: Classifier, bytes: &[u8]) -> Classifier {
    let verdict = classifier.feed(bytes);
    assert_eq!(verdict, classifier.verdict());
    classifier
}

/// What each byte makes of `node`.
fn edges(node: Classifier) -> impl Iterator<Item = Classifier> {
    every_byte().map(move |byte| fed(node, &[byte]))
}

/// The same state at another offset.
fn moved(node: Classifier, offset: u32) -> Classifier {
    let low = node.pack() & !(u32::MAX << AUTOMATON_BITS);
    Classifier::unpack((offset << AUTOMATON_BITS) | low)
}

/// The layers from a stream's first byte on; the last has all states that there are.
fn first_layers() -> &'static [Vec<Classifier>] {
    static LAYERS: LazyLock<Vec<Vec<Classifier>>> = LazyLock::new(|| {
        let first = Some(vec![Classifier::new()]);
        successors(first, |layer| Some(next(layer)))
            .take(EDGE as usize + 1)
            .collect()
    });
    &LAYERS
}

/// The layer that one more byte makes of those that are undecided in `layer`.
fn next(layer: &[Classifier]) -> Vec<Classifier> {
    let mut next: Vec<_> = undecided(layer).flat_map(edges).collect();
    for &node in &next {
        assert_eq!(Classifier::unpack(node.pack()), node);
    }
    next.sort_unstable_by_key(|node| node.pack());
    next.dedup();
    next
}

fn undecided(layer: &[Classifier]) -> impl Iterator<Item = Classifier> + '_ {
    let nodes = layer.iter().copied();
    nodes.filter(|node| node.verdict().is_none())
}

/// Checks what holds for every node and its edges.
fn check(node: Classifier) {
    assert_eq!(Classifier::unpack(node.pack()), node);
    assert_eq!(fed(node, &[]), node);
    if node.verdict().is_some() {
        // For good, [`Verdict::Other`] too: no byte is read any more.
        assert!(node.offset() <= LIMIT, "{node:?}");
        assert!(edges(node).all(|after| after == node), "{node:?}");
        return;
    }
    assert!(node.offset() < LIMIT, "{node:?}");
    for (byte, after) in every_byte().zip(edges(node)) {
        assert_eq!(after.offset(), node.offset() + 1, "{node:?} {byte:#x}");
    }
    check_skip(node);
}

/// One byte of each kind that the language tells apart, and of those that nearly are.
const KINDS: &[u8] = b" \t\x0b\x0c\r\n\0/*:+-.!(@AGPRITHh012\x7f\x80";

/// Checks that two bytes do the same together as one after the other. If the first decides, the
/// other is not read; if not, the shortcut through a target may be taken.
fn check_pairs(node: Classifier) {
    for &first in KINDS {
        let after = fed(node, &[first]);
        for second in every_byte() {
            let expected = fed(after, &[second]);
            assert_eq!(fed(node, &[first, second]), expected, "{node:?}");
        }
    }
}

/// Checks that the shortcut leads to where each byte leads, and leaves nothing for itself.
fn check_skip(node: Classifier) {
    for (byte, after) in every_byte().zip(edges(node)) {
        let mut skipped = node;
        match skipped.skip(&[byte]) {
            [] => assert_eq!(skipped, after, "{node:?} {byte:#x}"),
            rest => assert_eq!((skipped, rest), (node, &[byte][..]), "{node:?} {byte:#x}"),
        }
    }
}

#[test]
fn the_first_layers() {
    let layers = first_layers();
    layers.iter().flatten().copied().for_each(check);

    let nodes = layers.concat();
    for verdict in [
        Verdict::Http1,
        Verdict::H2c,
        Verdict::Http09,
        Verdict::Response,
        Verdict::Other,
    ] {
        assert!(nodes.iter().any(|node| node.verdict() == Some(verdict)));
    }
    let [.., before, last] = layers else {
        unreachable!("there are more than two");
    };
    let before: Vec<_> = before.iter().map(|&node| moved(node, EDGE)).collect();
    assert_eq!(&before, last, "something new still comes");
}

#[test]
fn the_layers_between() {
    let layers = first_layers();
    for node in undecided(&layers[EDGE as usize]) {
        let expected: Vec<_> = edges(node).collect();
        for offset in (EDGE..LIMIT - EDGE).step_by(1021) {
            let after = edges(moved(node, offset));
            assert!(
                after.eq(expected.iter().map(|&after| moved(after, offset + 1))),
                "{node:?} at {offset}"
            );
        }
    }
}

/// What may be moved decides alike wherever it is, since what any byte makes of it may be moved, too.
#[test]
fn what_may_be_moved() {
    let nodes = first_layers().concat();
    let mut count = 0;
    for node in undecided(&nodes) {
        for offset in [1, EDGE, LIMIT - 2] {
            let Some(there) = node.moved(offset) else {
                continue;
            };
            count += 1;
            for (after, after_there) in edges(node).zip(edges(there)) {
                match after.verdict() {
                    None => assert_eq!(after.moved(offset + 1), Some(after_there), "{node:?}"),
                    verdict => assert_eq!(after_there.verdict(), verdict, "{node:?}"),
                }
            }
        }
    }
    assert!(count > 1000, "only {count}");
    assert_eq!(Classifier::new().moved(1), None);
}

/// A node that tells what it was a byte before names the only node from which a byte leads to it.
#[test]
fn what_it_was_before() {
    let mut count = 0;
    for layer in first_layers().windows(2) {
        let [before, after] = layer else {
            unreachable!("two");
        };
        let mut leads_to: HashMap<_, Vec<Classifier>> = HashMap::new();
        for node in undecided(before) {
            for byte in every_byte() {
                let from = leads_to.entry(fed(node, &[byte]).pack()).or_default();
                if from.last() != Some(&node) {
                    from.push(node);
                }
            }
        }
        for node in undecided(after) {
            assert_eq!(node.earlier(node.offset()), None);
            assert_eq!(node.earlier(node.offset() + 1), None);
            if let Some(earlier) = node.earlier(node.offset() - 1) {
                assert_eq!(leads_to[&node.pack()], [earlier], "{node:?}");
                count += 1;
            }
        }
    }
    assert!(count > 1000, "only {count}");
}

#[test]
fn the_last_layers() {
    let layers = first_layers();
    let full = &layers[EDGE as usize];
    for offset in LIMIT - EDGE..LIMIT {
        for node in undecided(full) {
            let there = moved(node, offset);
            check(there);
            for (expected, after) in edges(node).zip(edges(there)) {
                let at_limit = (offset + 1 == LIMIT).then_some(Verdict::Other);
                assert_eq!(after.verdict(), expected.verdict().or(at_limit));
            }
        }
    }
    let before: Vec<_> = full.iter().map(|&node| moved(node, LIMIT - 1)).collect();
    next(&before).into_iter().for_each(check);
}

#[test]
fn pieces_of_two_bytes() {
    let layers = first_layers();
    let full = &layers[EDGE as usize];
    for node in undecided(full) {
        for offset in [EDGE, LIMIT - 2, LIMIT - 1] {
            check_pairs(moved(node, offset));
        }
    }
    // The preface's and the responses' own.
    let nodes = layers.concat();
    undecided(&nodes)
        .filter(|&node| !full.contains(&moved(node, EDGE)))
        .for_each(check_pairs);
    // And what no stream leads to, where the texts of these begin.
    let others: Vec<_> = (0..1 << AUTOMATON_BITS).map(Classifier::unpack).collect();
    for node in undecided(&others) {
        KINDS.windows(2).for_each(|pair| {
            assert_eq!(
                fed(node, pair),
                fed(fed(node, &pair[..1]), &pair[1..]),
                "{node:?}"
            );
        });
    }
}

/// Also what no stream leads to.
#[test]
fn every_word() {
    let near = (0..=EDGE).chain(LIMIT - 2..=LIMIT + 2);
    for offset in near.chain([u32::MAX >> AUTOMATON_BITS]) {
        for low in 0..1 << AUTOMATON_BITS {
            let node = Classifier::unpack((offset << AUTOMATON_BITS) | low);
            assert_eq!(Classifier::unpack(node.pack()), node);
        }
    }
}
