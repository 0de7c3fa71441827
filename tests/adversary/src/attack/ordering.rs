// SPDX-License-Identifier: GPL-2.0
//! Segmentation of a stream, and order, repetition, overlap and contradiction of its segments.

use rand::seq::SliceRandom;
use rand::Rng;

use crate::address::Family;
use crate::plan::{Encapsulation, Plan, Segment};
use crate::stream::decided_at;

/// How far behind the deciding byte cuts still matter.
const MARGIN: usize = 24;

/// The segments of a plan's stream, with random attacks; each byte is sent at least once.
pub(super) fn attack(random: &mut impl Rng, plan: &Plan) -> Vec<Segment> {
    let mut segments = cut(random, plan);
    if random.random_bool(0.3) {
        overlap(random, plan, &mut segments);
    }
    if random.random_bool(0.3) {
        duplicate(random, &mut segments);
    }
    if random.random_bool(0.15) {
        prepend_old_bytes(random, &mut segments);
    }
    if random.random_bool(0.25) {
        add_conflicting_copies(random, plan, &mut segments);
    }
    if random.random_bool(0.12) {
        add_complementary_copies(random, plan, &mut segments);
    }
    reorder(random, &mut segments);
    if random.random_bool(0.1) {
        mark_urgent(random, &mut segments);
    }
    if random.random_bool(0.12) {
        encapsulate(random, plan.family, &mut segments);
    }
    segments
}

/// Cuts the stream: its start at random places, the rest in segments of full size.
fn cut(random: &mut impl Rng, plan: &Plan) -> Vec<Segment> {
    let length = plan.stream.len();
    let full = usize::from(plan.options.segment_size);
    let start = (decided_at(&plan.stream) + MARGIN).min(length);
    let mut places: Vec<usize> = match random.random_range(0..8) {
        // Whole.
        0 => Vec::new(),
        // A byte a segment.
        1 => (1..start.min(60)).collect(),
        // The byte that decides the stream, alone.
        2 => vec![
            decided_at(&plan.stream).saturating_sub(1),
            decided_at(&plan.stream),
        ],
        count => (0..count).map(|_| random.random_range(0..=start)).collect(),
    };
    places.extend([0, length]);
    places.retain(|&place| place <= length);
    places.sort_unstable();
    places.dedup();
    let piece = |(from, to): (usize, usize)| {
        let data = &plan.stream[from..to];
        data.chunks(full)
            .enumerate()
            .map(move |(index, data)| Segment::new((from + index * full) as i32, data))
    };
    places
        .windows(2)
        .map(|ends| (ends[0], ends[1]))
        .flat_map(piece)
        .collect()
}

/// Makes segments overlap their neighbours, with equal bytes.
fn overlap(random: &mut impl Rng, plan: &Plan, segments: &mut [Segment]) {
    for segment in segments {
        if random.random_bool(0.4) {
            let from = (segment.offset as usize).saturating_sub(random.random_range(0..8));
            let to = (segment.end() as usize + random.random_range(0..8)).min(plan.stream.len());
            let to = to
                .min(from + usize::from(plan.options.segment_size))
                .max(segment.end() as usize);
            *segment = Segment::new(from as i32, &plan.stream[from..to]);
        }
    }
}

/// Sends some segments more than once.
fn duplicate(random: &mut impl Rng, segments: &mut Vec<Segment>) {
    for _ in 0..random.random_range(1..4) {
        let repeated = segments[random.random_range(0..segments.len())].clone();
        segments.insert(random.random_range(0..=segments.len()), repeated);
    }
}

/// Prepends bytes before the stream's start to the first segment; TCP trims them.
fn prepend_old_bytes(random: &mut impl Rng, segments: &mut [Segment]) {
    let old = match random.random_range(0..3) {
        0 => b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        1 => b"SSH-2.0-past\r\n".to_vec(),
        _ => (0..random.random_range(1..30))
            .map(|_| random.random())
            .collect(),
    };
    for segment in segments.iter_mut().filter(|segment| segment.offset == 0) {
        segment.data = [&old[..], &segment.data].concat();
        segment.offset = -(old.len() as i32);
    }
}

/// Adds copies of segments with different bytes.
fn add_conflicting_copies(random: &mut impl Rng, plan: &Plan, segments: &mut Vec<Segment>) {
    let contents: [&[u8]; 4] = [
        b"GET / HTTP/1.1\r\n\r\n",
        b"SSH-2.0-x\r\n",
        b"GET / HTTPS/1.1\r\n",
        b"PRI * HTTP/2.0\r\n",
    ];
    for _ in 0..random.random_range(1..4) {
        let copied = segments[random.random_range(0..segments.len())].clone();
        let within = |place: i32| (place.max(0) as usize).min(plan.stream.len());
        let (from, to) = (within(copied.offset), within(copied.end()));
        let mut data = match random.random_range(0..3) {
            0 => (from..to).map(|_| random.random()).collect(),
            1 => {
                let content = contents[random.random_range(0..contents.len())];
                content
                    .get(from..to.min(content.len()))
                    .unwrap_or(content)
                    .to_vec()
            }
            _ => plan.stream[from..to].to_vec(),
        };
        if let Some(byte) = data.get_mut(random.random_range(0..(to - from).max(1))) {
            *byte = byte.wrapping_add(random.random_range(1..=255));
        }
        if random.random_bool(0.3) {
            data.extend(b"T / HTTP/1.1\r\n");
        }
        segments.insert(
            random.random_range(0..=segments.len()),
            Segment::new(from as i32, data),
        );
    }
}

/// Adds two segments over the start, each with garbage where the other has the stream's bytes.
fn add_complementary_copies(random: &mut impl Rng, plan: &Plan, segments: &mut Vec<Segment>) {
    let end = decided_at(&plan.stream).min(200);
    let place = random.random_range(0..=end);
    let mut one = plan.stream[..end].to_vec();
    let mut other = one.clone();
    one[place..].fill(random.random());
    other[..place].fill(random.random());
    let keep = random.random_range(place..=end);
    one.truncate(keep);
    let from = random.random_range(0..=place);
    let pair = [
        Segment::new(0, one),
        Segment::new(from as i32, &other[from..]),
    ];
    let at = if random.random_bool(0.7) {
        0
    } else {
        random.random_range(0..=segments.len())
    };
    segments.splice(at..at, pair);
}

fn reorder(random: &mut impl Rng, segments: &mut [Segment]) {
    match random.random_range(0..8) {
        0 => segments.reverse(),
        1 => segments.shuffle(random),
        2 | 3 => {
            for _ in 0..random.random_range(1..=3) {
                let one = random.random_range(0..segments.len());
                let other = (one + random.random_range(0..3)).min(segments.len() - 1);
                segments.swap(one, other);
            }
        }
        // The first one last.
        4 => segments.rotate_left(1),
        _ => {}
    }
}

/// Marks a byte or two as urgent.
fn mark_urgent(random: &mut impl Rng, segments: &mut [Segment]) {
    for _ in 0..random.random_range(1..=2) {
        let segment = &mut segments[random.random_range(0..segments.len())];
        segment.urgent = Some(random.random_range(0..=segment.data.len().min(40) as u16 + 1));
    }
}

/// Puts some segments into fragments or behind extension headers: they may be received on another
/// CPU, and without early demux.
fn encapsulate(random: &mut impl Rng, family: Family, segments: &mut [Segment]) {
    for segment in segments {
        if random.random_bool(0.5) {
            continue;
        }
        let fragments = Encapsulation::Fragments {
            size: 8 * random.random_range(1..=64),
            reversed: random.random(),
        };
        segment.encapsulation = match (family, random.random_range(0..3)) {
            (Family::Ipv6, 0) => Encapsulation::HopByHop,
            (Family::Ipv6, 1) => Encapsulation::DestinationOptions,
            (Family::Ipv4, 0) => Encapsulation::HopLimit(random.random_range(1..=255)),
            _ => fragments,
        };
    }
}
