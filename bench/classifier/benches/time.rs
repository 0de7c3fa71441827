// SPDX-License-Identifier: GPL-2.0

//! What each reader takes for each input, in time.

#![allow(missing_docs)] // criterion's macros document nothing

use classifier_bench::{inputs, READERS};
use criterion::{criterion_group, criterion_main, Criterion, Throughput};
use std::hint::black_box;

fn time(criterion: &mut Criterion) {
    for (input, bytes) in inputs() {
        let mut group = criterion.benchmark_group(input);
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        for (name, reader) in READERS {
            group.bench_function(name, |bencher| bencher.iter(|| reader(black_box(&bytes))));
        }
    }
}

criterion_group!(benches, time);
criterion_main!(benches);
