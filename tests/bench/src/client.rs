// SPDX-License-Identifier: GPL-2.0

//! The clients.

use crate::starts::{self, Start};
use anyhow::{bail, ensure, Context};
use clap::{Args, ValueEnum};
use nix::{
    sched::{sched_setaffinity, CpuSet},
    unistd::Pid,
};
use rand::{rngs::StdRng, RngCore, SeedableRng};
use socket2::SockRef;
use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{
        atomic::{AtomicUsize, Ordering},
        Mutex,
    },
    thread,
    time::{Duration, Instant},
};

/// How long a client waits for what must come.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long it waits for what must not: time for two repetitions.
const SUSPICION: Duration = Duration::from_millis(700);

/// What a long stream carries behind its start, and in which portions.
const LONG: usize = 64 << 10;
const PORTION: usize = 8 << 10;

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Streams {
    /// Starts of other protocols than HTTP
    Short,
    /// The same, and 64 kB each way behind the start
    Long,
    /// Requests of HTTP, cut within the first line: an error if one comes back whole
    Requests,
    /// The first byte of a request, and then a reset
    HalfStarted,
}

#[derive(Args)]
pub(crate) struct Load {
    /// What they carry
    #[arg(long, value_enum, default_value = "short")]
    streams: Streams,
    /// How many in all
    #[arg(long, default_value_t = 1000)]
    connections: usize,
    /// How many at once
    #[arg(long, default_value_t = 32)]
    threads: usize,
    /// Go to another CPU before each segment of a start
    #[arg(long)]
    alternate: bool,
    /// Of the streams' contents
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Makes the connections; fails if one of them did not do as it must.
pub(crate) fn run(address: SocketAddr, load: &Load) -> anyhow::Result<()> {
    let next = AtomicUsize::new(0);
    // Those of this process: a thread that has moved sees its own.
    let cpus = load.alternate.then(thread::available_parallelism);
    let cpus = cpus.transpose()?.map(usize::from);
    let times = Mutex::new(Vec::with_capacity(load.connections));
    let failures = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..load.threads {
            scope.spawn(|| loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= load.connections {
                    return;
                }
                match connection(address, load, cpus, number) {
                    Ok(time) => times.lock().unwrap().push(time),
                    Err(failure) => failures.lock().unwrap().push((number, failure)),
                }
            });
        }
    });
    let lines = times.into_inner().unwrap().into_iter();
    let lines = lines.map(|time: Duration| format!("{}\n", time.as_micros()));
    std::io::stdout().write_all(lines.collect::<String>().as_bytes())?;
    let failures = failures.into_inner().unwrap();
    if let Some((number, failure)) = failures.first() {
        bail!(
            "{} of {} connections failed; number {number} of seed {}: {failure:#}",
            failures.len(),
            load.connections,
            load.seed
        );
    }
    Ok(())
}

fn connection(
    address: SocketAddr,
    load: &Load,
    cpus: Option<usize>,
    number: usize,
) -> anyhow::Result<Duration> {
    let mut rng = StdRng::seed_from_u64(load.seed.wrapping_mul(1 << 32) + number as u64);
    let begin = Instant::now();
    let mut stream = TcpStream::connect(address).context("can't connect")?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    // A reset at the end leaves no port in TIME_WAIT.
    SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
    match load.streams {
        Streams::Requests => {
            let (start, decided) = starts::request(&mut rng);
            send(&mut stream, &start, cpus)?;
            let read = read_for(&mut stream, SUSPICION)?;
            ensure!(
                read.len() < decided,
                "the server has read {:?}",
                String::from_utf8_lossy(&read)
            );
            Ok(begin.elapsed())
        }
        Streams::HalfStarted => {
            stream.write_all(b"G")?;
            Ok(begin.elapsed())
        }
        Streams::Short | Streams::Long => {
            let start = starts::other(&mut rng);
            send(&mut stream, &start, cpus)?;
            expect(&mut stream, &start.bytes()).context("behind the start")?;
            let time = begin.elapsed();
            if let Streams::Long = load.streams {
                let mut portion = vec![0; PORTION];
                for _ in 0..LONG / PORTION {
                    rng.fill_bytes(&mut portion);
                    stream.write_all(&portion)?;
                    expect(&mut stream, &portion).context("behind a portion")?;
                }
            }
            Ok(time)
        }
    }
}

/// Sends a start; from one CPU after the other, if their number is given.
fn send(stream: &mut TcpStream, start: &Start, cpus: Option<usize>) -> anyhow::Result<()> {
    for (number, piece) in start.pieces.iter().enumerate() {
        if let Some(cpus) = cpus {
            go_to_cpu(number % cpus)?;
        }
        stream.write_all(piece)?;
    }
    Ok(())
}

/// Moves this thread to a CPU.
fn go_to_cpu(number: usize) -> anyhow::Result<()> {
    let mut cpus = CpuSet::new();
    cpus.set(number)?;
    sched_setaffinity(Pid::from_raw(0), &cpus).context("can't move to another CPU")
}

/// Reads what must be an echo of `sent`.
fn expect(stream: &mut TcpStream, sent: &[u8]) -> anyhow::Result<()> {
    let mut read = vec![0; sent.len()];
    stream.read_exact(&mut read)?;
    ensure!(read == sent, "what comes back is not what was sent");
    Ok(())
}

/// Reads whatever comes within a time.
fn read_for(stream: &mut TcpStream, time: Duration) -> anyhow::Result<Vec<u8>> {
    let end = Instant::now() + time;
    let mut read = Vec::new();
    let mut buffer = [0; 1024];
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        stream.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
        match stream.read(&mut buffer) {
            Ok(0) => bail!("the server has ended the connection"),
            Ok(length) => read.extend_from_slice(&buffer[..length]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(read)
}
