// SPDX-License-Identifier: GPL-2.0
//! Random sequences of events, in the model and in this kernel: both must give each segment the
//! same verdict, and the application must read the same bytes.

use std::cell::Cell;
use std::fmt;
use std::fs;
use std::io::{ErrorKind, Read};
use std::net::{IpAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{bail, ensure, Context, Result};
use etherparse::TcpHeader;
use model::host::{Host, Verdict};
use model::scenario::{Begin, Flaw, Segment, Setup};
use nix::sched::{sched_setaffinity, CpuSet};
use nix::unistd::Pid;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use socket2::SockRef;
use tun_rs::SyncDevice;

use crate::address::{Ends, Family};
use crate::missing_page::MissingPage;
use crate::namespace::{Environment, Namespace};
use crate::packet::{self, Damage, Reply};
use crate::plan::Encapsulation;

const PORT: u16 = 8000;
const STATISTICS: &str = "/sys/kernel/http_filter/stats";
/// How long to wait for a reply of the kernel.
const REPLY_TIMEOUT: Duration = Duration::from_secs(5);

/// Beginnings of streams, from which segments are cut: they overlap, and differ.
const STREAMS: [&[u8]; 7] = [
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GETTING on with it",
    b"POST /a b  HTTP/1.",
    b"\r\nGET http://a x\r\n",
    b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
    b"PRI * HTTP/2.0\r\n\r\n",
];

/// An event of a sequence.
#[derive(Clone, Debug)]
enum Event {
    Send(Segment),
    Own,
    Release,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send(segment) => segment.fmt(f),
            Self::Own => f.write_str("a process owns the socket"),
            Self::Release => f.write_str("it lets go"),
        }
    }
}

/// The outcome of a sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Outcome {
    verdicts: Vec<Verdict>,
    read: Vec<u8>,
}

/// A sequence of events, and the connection they happen on.
struct Sequence {
    setup: Setup,
    family: Family,
    events: Vec<Event>,
}

impl Sequence {
    fn random(rng: &mut ChaCha8Rng) -> Self {
        let begin = match rng.random_bool(0.5) {
            true => Begin::Established,
            false => Begin::Request,
        };
        let (mut events, mut is_owned) = (Vec::new(), false);
        for _ in 0..rng.random_range(2..=9) {
            // With a request socket, there is none yet that a process could own.
            if begin == Begin::Established && rng.random_bool(0.2) {
                is_owned = !is_owned;
                events.push(if is_owned { Event::Own } else { Event::Release });
            } else {
                events.push(Event::Send(segment(rng)));
            }
        }
        if is_owned {
            events.push(Event::Release);
        }
        Self {
            setup: Setup {
                connections: vec![begin],
                ..Setup::default()
            },
            family: *Family::BOTH.choose(rng).expect("there are two"),
            events,
        }
    }

    /// All outcomes that the model allows: whether a segment is coalesced with its predecessor in
    /// the out-of-order queue depends on the shape of the kernel's tree, which the model does not
    /// have.
    fn in_model(&self) -> impl Iterator<Item = Outcome> + '_ {
        (0..1_u32 << self.events.len()).map(|choice| self.in_model_by(!choice))
    }

    /// The model's outcome if the bits of `choice` tell which segments are coalesced.
    fn in_model_by(&self, choice: u32) -> Outcome {
        let host = Host::new(&self.setup);
        let mut verdicts = Vec::new();
        for (bit, event) in (0..).zip(&self.events) {
            let coalesces = choice & (1 << bit) != 0;
            match event {
                Event::Send(segment) => verdicts.push(host.send_coalescing(segment, coalesces)),
                Event::Own => host.own(0),
                Event::Release => host.release(0),
            }
        }
        Outcome {
            verdicts,
            read: host.received(0),
        }
    }
}

/// A piece of a stream, with or without a flaw.
fn segment(rng: &mut ChaCha8Rng) -> Segment {
    let stream = *STREAMS.choose(rng).expect("there are some");
    let first = match rng.random_bool(0.4) {
        true => 0,
        false => rng.random_range(0..stream.len()),
    };
    let last = rng.random_range(first + 1..=stream.len());
    let segment = Segment::new(first as u32, &stream[first..last]);
    match rng.random_range(0..20) {
        0 => segment.with(Flaw::Checksum),
        1 => segment.with(Flaw::Acknowledgment),
        2 => segment.urgent(rng.random_range(1..=(last - first) as u32)),
        _ => segment,
    }
}

/// The counters of dropped segments, and the model's verdicts for them.
const DROPPED: [(&str, Verdict); 3] = [
    ("dropped", Verdict::Dropped),
    ("deferred", Verdict::Deferred),
    ("refused", Verdict::Refused),
];

/// The running kernel, with a namespace for the connections.
struct Kernel {
    device: Arc<SyncDevice>,
    listeners: Vec<TcpListener>,
    serial: u32,
    /// What was counted when the last segment had been sent.
    counted: Cell<[u64; 3]>,
}

impl Kernel {
    fn new() -> Result<Self> {
        let namespace = Namespace::enter()?;
        let mut set = CpuSet::new();
        set.set(0)?;
        // On one CPU, TCP has taken a segment before the next one arrives.
        sched_setaffinity(Pid::from_raw(0), &set)?;
        let device = namespace.queues(1)?.remove(0);
        Environment::default().apply(&device)?;
        let listen = |family| -> Result<TcpListener> {
            let listener = TcpListener::bind(Ends::of(0, family, PORT).server)?;
            listener.set_nonblocking(true)?;
            // Accepted sockets inherit it: urgent bytes are read in the stream.
            SockRef::from(&listener).set_out_of_band_inline(true)?;
            Ok(listener)
        };
        Ok(Self {
            device,
            listeners: Family::BOTH
                .into_iter()
                .map(listen)
                .collect::<Result<_>>()?,
            serial: 0,
            counted: Cell::new(Self::statistics()?),
        })
    }

    fn statistics() -> Result<[u64; 3]> {
        let mut values = [0; 3];
        for (value, (name, _)) in values.iter_mut().zip(DROPPED) {
            let path = format!("{STATISTICS}/{name}");
            let text = fs::read_to_string(&path)
                .with_context(|| format!("{path} can't be read: is the module loaded?"))?;
            *value = text.trim().parse()?;
        }
        Ok(values)
    }

    /// Runs a sequence in this kernel.
    fn run(&mut self, sequence: &Sequence) -> Result<Outcome> {
        self.serial += 1;
        let mut connection = Connection::open(self, sequence)?;
        let mut verdicts = Vec::new();
        for event in &sequence.events {
            match event {
                Event::Send(segment) => verdicts.push(connection.send(segment)?),
                Event::Own => connection.own()?,
                Event::Release => connection.release()?,
            }
        }
        let read = connection.read()?;
        connection.reset()?;
        Ok(Outcome { verdicts, read })
    }
}

/// A thread that owns a socket and waits for a page.
struct Owner {
    page: Arc<MissingPage>,
    thread: JoinHandle<std::io::Result<()>>,
}

struct Connection<'a> {
    kernel: &'a Kernel,
    ends: Ends,
    /// Sequence numbers of the first bytes of both ends.
    first: u32,
    acknowledges: u32,
    listener: &'a TcpListener,
    accepted: Option<TcpStream>,
    owner: Option<Owner>,
}

impl<'a> Connection<'a> {
    fn open(kernel: &'a Kernel, sequence: &Sequence) -> Result<Self> {
        let index = Family::BOTH
            .into_iter()
            .position(|family| family == sequence.family);
        let mut connection = Self {
            kernel,
            ends: Ends::of(kernel.serial, sequence.family, PORT),
            first: 1_000_000,
            acknowledges: 0,
            listener: &kernel.listeners[index.unwrap_or_default()],
            accepted: None,
            owner: None,
        };
        let mut syn = TcpHeader::new(0, 0, connection.first.wrapping_sub(1), 65_535);
        syn.syn = true;
        connection.write(&syn, &[], Damage::None)?;
        connection.acknowledges = connection.reply(|reply| reply.syn)?.seq.wrapping_add(1);
        if sequence.setup.connections == [Begin::Established] {
            connection.write(&connection.header(0), &[], Damage::None)?;
            connection.accept()?;
            ensure!(connection.accepted.is_some(), "a connection is not made");
        }
        Ok(connection)
    }

    fn header(&self, offset: u32) -> TcpHeader {
        let mut header = TcpHeader::new(0, 0, self.first.wrapping_add(offset), 65_535);
        header.ack = true;
        header.acknowledgment_number = self.acknowledges;
        header
    }

    fn write(&self, header: &TcpHeader, data: &[u8], damage: Damage) -> Result<()> {
        let segment = packet::segment(&self.ends, header, data, damage);
        for packet in packet::encapsulate(
            &self.ends,
            &segment,
            Encapsulation::Plain,
            self.kernel.serial,
        ) {
            self.kernel
                .device
                .send(&packet)
                .context("a packet can't be written")?;
        }
        Ok(())
    }

    /// Waits for a reply of the server's kernel.
    fn reply(&self, is: impl Fn(&Reply) -> bool) -> Result<Reply> {
        let (began, mut buffer) = (Instant::now(), [0; 2048]);
        while began.elapsed() < REPLY_TIMEOUT {
            match self.kernel.device.recv(&mut buffer) {
                Ok(size) => match packet::parse(&buffer[..size]) {
                    Some(reply) if reply.client == self.ends.client && is(&reply) => {
                        return Ok(reply)
                    }
                    _ => {}
                },
                Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::yield_now(),
                Err(error) => return Err(error).context("the TUN device can't be read"),
            }
        }
        bail!("the server's kernel does not answer");
    }

    fn accept(&mut self) -> Result<()> {
        if self.accepted.is_some() {
            return Ok(());
        }
        match self.listener.accept() {
            Ok((stream, _)) => {
                self.accepted = Some(stream);
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn send(&mut self, segment: &Segment) -> Result<Verdict> {
        let mut header = self.header(segment.offset);
        if let Some(pointer) = segment.urgent {
            header.urg = true;
            header.urgent_pointer = pointer as u16;
        }
        let damage = match segment.flaw {
            Some(Flaw::Checksum) => Damage::Checksum,
            Some(Flaw::Acknowledgment) => {
                header.acknowledgment_number = self.acknowledges.wrapping_add(1 << 20);
                Damage::None
            }
            None => Damage::None,
        };
        self.write(&header, segment.data, damage)?;
        let after = Kernel::statistics()?;
        let before = self.kernel.counted.replace(after);
        let counted = (0..)
            .zip(DROPPED)
            .find(|(index, _): &(usize, _)| before[*index] != after[*index]);
        Ok(counted.map_or(Verdict::Passes, |(_, (_, verdict))| verdict))
    }

    fn own(&mut self) -> Result<()> {
        let page = Arc::new(MissingPage::new()?);
        let socket = self
            .accepted
            .as_ref()
            .context("there is no socket")?
            .try_clone()?;
        let touched = page.clone();
        let thread = std::thread::spawn(move || touched.send(&socket));
        page.wait_until_touched()?;
        self.owner = Some(Owner { page, thread });
        Ok(())
    }

    fn release(&mut self) -> Result<()> {
        let owner = self.owner.take().context("there is no owner")?;
        owner.page.provide()?;
        let sent = owner.thread.join().ok().context("the owner has died")?;
        sent.context("the owner can't send")
    }

    /// What the application can read.
    fn read(&mut self) -> Result<Vec<u8>> {
        self.accept()?;
        let mut read = Vec::new();
        if let Some(stream) = &mut self.accepted {
            stream.set_nonblocking(true)?;
            match stream.read_to_end(&mut read) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                other => drop(other?),
            }
        }
        Ok(read)
    }

    fn reset(mut self) -> Result<()> {
        let mut reset = self.header(0);
        reset.rst = true;
        reset.sequence_number = self.rcv_nxt()?;
        self.write(&reset, &[], Damage::None)?;
        self.accepted = None;
        Ok(())
    }

    /// The next sequence number that the server expects, from its reply to a segment far out of
    /// window.
    fn rcv_nxt(&self) -> Result<u32> {
        let mut probe = self.header(0);
        probe.sequence_number = self.first.wrapping_sub(1 << 20);
        self.write(&probe, &[], Damage::None)?;
        Ok(self.reply(|_| true)?.ack)
    }
}

/// How many sequences there were, and in how many of them the model and the kernel differ.
pub(crate) struct Agreement {
    pub(crate) sequences: u64,
    pub(crate) events: u64,
    pub(crate) differ: u64,
}

/// Runs this many sequences in both.
pub(crate) fn run(seed: u64, sequences: u64) -> Result<Agreement> {
    let mut kernel = Kernel::new()?;
    let mut agreement = Agreement {
        sequences,
        events: 0,
        differ: 0,
    };
    for number in 0..sequences {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(number);
        let sequence = Sequence::random(&mut rng);
        agreement.events += sequence.events.len() as u64;
        let here = kernel.run(&sequence)?;
        if !sequence.in_model().any(|model| model == here) {
            agreement.differ += 1;
            report(number, &sequence, &sequence.in_model_by(u32::MAX), &here);
        }
    }
    Ok(agreement)
}

fn report(number: u64, sequence: &Sequence, model: &Outcome, kernel: &Outcome) {
    let client: IpAddr = Ends::of(0, sequence.family, PORT).client.ip();
    println!(
        "sequence {number}, {:?}, {client}:",
        sequence.setup.connections[0]
    );
    let mut verdicts = model.verdicts.iter().zip(&kernel.verdicts);
    for event in &sequence.events {
        match event {
            Event::Send(_) => match verdicts.next() {
                Some((model, kernel)) if model == kernel => println!("  {event}: {model:?}"),
                Some((model, kernel)) => {
                    println!("  {event}: {model:?} in the model, {kernel:?} here")
                }
                None => {}
            },
            _ => println!("  {event}"),
        }
    }
    println!("  read in the model: \"{}\"", model.read.escape_ascii());
    println!("  read here:         \"{}\"", kernel.read.escape_ascii());
}
