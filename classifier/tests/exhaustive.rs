// SPDX-License-Identifier: GPL-2.0
//! The whole graph: every classifier that some stream leads to, with every byte that may come next.
//!
//! Each byte read moves the offset on by one, so the graph has a layer for each offset; and besides
//! its offset a classifier remembers one of few states, so that a layer has some 50 nodes.
//!
//! Nor does an edge depend on the offset but at the ends: a step compares it with 0, where the preface
//! and responses begin, with the places in their texts, of 12 and of 5 bytes, and with [`LIMIT`],
//! before which the last byte decides. So all layers between are alike but for what can't be reached
//! yet, and a method of 32 characters, the longest text that is counted, takes 32 bytes. The first
//! [`EDGE`] layers are walked one by one, until nothing new comes, and so are the last; of those
//! between every 127th is compared with the layer where nothing new came.
//!
//! `cargo test` has overflow checks on, so that a panic on any edge would be met.

use std::iter::successors;

use classifier::{Classifier, Verdict, LIMIT};

/// How many layers an end has, with room to spare.
const EDGE: u32 = 64;

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
    Classifier::unpack((offset << u8::BITS) | (node.pack() & 0xff))
}

/// The layers from a stream's first byte on; the last has all states that there are.
fn first_layers() -> Vec<Vec<Classifier>> {
    let first = Some(vec![Classifier::new()]);
    successors(first, |layer| Some(next(layer)))
        .take(EDGE as usize + 1)
        .collect()
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
}

/// Checks that two bytes do the same together as one after the other. If the first decides, the
/// other is not read; if not, the shortcut through a target may be taken.
fn check_pairs(node: Classifier) {
    for (first, after) in every_byte().zip(edges(node)) {
        for (second, expected) in every_byte().zip(edges(after)) {
            assert_eq!(fed(node, &[first, second]), expected, "{node:?}");
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
    let [.., before, last] = &*layers else {
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
        for offset in (EDGE..LIMIT - EDGE).step_by(127) {
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
    let others: Vec<_> = every_byte()
        .map(|low| Classifier::unpack(low.into()))
        .collect();
    undecided(&others).for_each(check_pairs);
}

/// Also what no stream leads to.
#[test]
fn every_word() {
    let near = (0..=EDGE).chain(LIMIT - 2..=LIMIT + 2);
    for offset in near.chain([u32::MAX >> u8::BITS]) {
        for low in every_byte() {
            check(Classifier::unpack((offset << u8::BITS) | u32::from(low)));
        }
    }
}
