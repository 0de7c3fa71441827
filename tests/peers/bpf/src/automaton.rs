// SPDX-License-Identifier: GPL-2.0

//! The classifier as a table: a row for each state that it can tell apart, a column for each class of
//! bytes that it treats alike.
//!
//! A second start stands for every state at once, where it is not known what comes before: there a row
//! is a set of states, and is decided when each of them is.

use anyhow::{ensure, Result};
use classifier::{Classifier, Verdict};
use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write,
    hash::Hash,
};

/// The columns of the table, whose entries are two bytes long: what begins a row, as an offset in bytes.
const COLUMNS: usize = 64;
const ROW: usize = 2 * COLUMNS;

/// How many rows such an offset can tell.
const ROWS: usize = (1 << 16) / ROW;

/// A state, or what it decides for.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Node<T> {
    Forbidden,
    Other,
    Undecided(T),
}

/// Nodes by number, and for each and each of some letters the next one.
struct Graph<T> {
    nodes: Vec<Node<T>>,
    next: Vec<Vec<usize>>,
}

/// What can be reached from `starts`, which come first.
fn explore<T: Clone + Eq + Hash>(
    starts: impl IntoIterator<Item = T>,
    letters: &[u8],
    step: impl Fn(&T, u8) -> Node<T>,
) -> Graph<T> {
    let mut nodes: Vec<_> = starts.into_iter().map(Node::Undecided).collect();
    let mut numbers: HashMap<_, _> = nodes.iter().cloned().zip(0..).collect();
    let mut next = Vec::new();
    while let Some(node) = nodes.get(next.len()).cloned() {
        let row = letters.iter().map(|&letter| {
            let to = match &node {
                Node::Undecided(state) => step(state, letter),
                decided => decided.clone(),
            };
            *numbers.entry(to.clone()).or_insert_with(|| {
                nodes.push(to);
                nodes.len() - 1
            })
        });
        next.push(row.collect());
    }
    Graph { nodes, next }
}

/// The classifier's state behind one more byte, as a word that tells no more than counts: of the
/// offset, where each byte has its place, else only whether it is the stream's beginning.
fn step(word: u32, byte: u8) -> Node<u32> {
    let mut classifier = Classifier::unpack(word);
    match classifier.feed(&[byte]) {
        Some(Verdict::Http1 | Verdict::H2c | Verdict::Http09) => Node::Forbidden,
        Some(Verdict::Response | Verdict::Other) => Node::Other,
        None => Node::Undecided(classifier.moved(1).unwrap_or(classifier).pack()),
    }
}

/// The nodes that differ in what may follow, as a number for each.
fn distinguish<T>(graph: &Graph<T>) -> Vec<usize> {
    let kind = |node: &Node<T>| match node {
        Node::Undecided(_) => 0,
        Node::Forbidden => 1,
        Node::Other => 2,
    };
    let mut classes: Vec<usize> = graph.nodes.iter().map(kind).collect();
    let mut count = 3;
    loop {
        let mut numbers = BTreeMap::new();
        let refined = graph.next.iter().zip(&classes).map(|(row, &class)| {
            let key = (class, row.iter().map(|&to| classes[to]).collect::<Vec<_>>());
            let number = numbers.len();
            *numbers.entry(key).or_insert(number)
        });
        classes = refined.collect();
        if numbers.len() == count {
            return classes;
        }
        count = numbers.len();
    }
}

/// The classes of bytes that no state tells apart: one for each byte, and a byte for each class.
fn columns<T>(graph: &Graph<T>) -> (Vec<usize>, Vec<u8>) {
    let mut numbers = HashMap::new();
    let mut letters = Vec::new();
    let classes = (0..=u8::MAX).map(|byte| {
        let column: Vec<_> = graph
            .next
            .iter()
            .map(|row| row[usize::from(byte)])
            .collect();
        *numbers.entry(column).or_insert_with(|| {
            letters.push(byte);
            letters.len() - 1
        })
    });
    (classes.collect(), letters)
}

/// The header that `stream.bpf.c` includes.
pub(crate) fn header() -> Result<String> {
    let bytes: Vec<u8> = (0..=u8::MAX).collect();
    let states = explore([Classifier::new().pack()], &bytes, |&word, byte| {
        step(word, byte)
    });
    let (classes, letters) = columns(&states);
    let every = states.nodes.iter().filter_map(|node| match node {
        Node::Undecided(word) => Some(*word),
        _ => None,
    });
    let sets = explore(
        [vec![Classifier::new().pack()], every.collect()],
        &letters,
        |set, byte| {
            let mut undecided = Vec::new();
            for &word in set {
                match step(word, byte) {
                    Node::Forbidden => return Node::Forbidden,
                    Node::Other => {}
                    Node::Undecided(word) => undecided.push(word),
                }
            }
            undecided.sort_unstable();
            undecided.dedup();
            match undecided.is_empty() {
                true => Node::Other,
                false => Node::Undecided(undecided),
            }
        },
    );

    // Those that are decided come last, so that one comparison finds them.
    let distinct = distinguish(&sets);
    let mut rows = BTreeMap::new();
    for (&class, (node, next)) in distinct.iter().zip(sets.nodes.iter().zip(&sets.next)) {
        rows.entry(class).or_insert((node, next));
    }
    let mut order: Vec<usize> = rows.keys().copied().collect();
    order.sort_by_key(|class| match rows[class].0 {
        Node::Undecided(_) => (0, *class),
        Node::Other => (1, 0),
        Node::Forbidden => (2, 0),
    });
    let place: HashMap<_, _> = order.iter().copied().zip(0..).collect();
    ensure!(
        order.len() <= ROWS && letters.len() <= COLUMNS,
        "the table is too large"
    );

    let mut text = format!(
        "#define START {}\n#define ANY {}\n#define OTHER {}\n#define FORBIDDEN {}\n",
        place[&distinct[0]] * ROW,
        place[&distinct[1]] * ROW,
        (order.len() - 2) * ROW,
        (order.len() - 1) * ROW,
    );
    // As offsets in bytes, too. No sum of a row and a column lies outside of the table.
    write!(text, "static const __u8 column[256] = {{")?;
    for class in classes {
        write!(text, "{},", 2 * class)?;
    }
    write!(
        text,
        "}};\nstatic const __u16 next[{}] = {{",
        (ROWS + 2) * COLUMNS
    )?;
    for class in &order {
        let row = rows[class].1;
        for column in 0..COLUMNS {
            let to = row.get(column).map_or(0, |&to| place[&distinct[to]] * ROW);
            write!(text, "{to},")?;
        }
    }
    text += "};\n";
    Ok(text)
}
