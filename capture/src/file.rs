// SPDX-License-Identifier: GPL-2.0
//! The frames of a capture file.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

use pcap_parser::traits::{PcapNGPacketBlock, PcapReaderIterator};
use pcap_parser::{
    Block, InterfaceDescriptionBlock, LegacyPcapReader, OptionCode, PcapBlockOwned, PcapError,
    PcapNGReader, UnknownBlock,
};

use crate::link::LinkType;

/// The first bytes of a pcapng file, in either order of bytes.
const PCAPNG: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

/// The size of a pcap file's header.
const PCAP_HEADER: usize = 24;

/// The size of a pcapng block that holds nothing: its type, and its size twice. That of the largest one.
const BLOCK_MIN: u32 = 12;
const BLOCK_MAX: u32 = BUFFER_MAX as u32;

/// The interfaces of a section that are known; captures have a few. Beyond, they count as undescribed.
const INTERFACES_MAX: usize = 1 << 16;

/// The pcapng block that packets were written in before there were Enhanced Packet Blocks.
const PACKET_BLOCK: u32 = 2;

/// The bits of a pcap file's link type; others tell of checksums behind the frames.
const LINK_TYPE: i32 = 0x03ff_ffff;

/// How much is read at once, and what a block may take before the file counts as damaged.
const BUFFER: usize = 1 << 18;
const BUFFER_MAX: usize = 1 << 24;

/// The largest packet that capture programs write, unless a file's header allows for more.
const SNAPLEN: u32 = 1 << 18;

/// Why a file was not read, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is no capture; what it seems to be instead.
    #[error("not a capture (pcap or pcapng): {0}")]
    NotCapture(&'static str),
    /// It ends within a packet, as a capture that is being written or was cut does.
    #[error("cut off: it ends within a packet, which begins at byte {at}")]
    CutOff {
        /// Where the packet begins.
        at: u64,
    },
    /// What follows claims to be larger than any packet of this file may be.
    #[error("damaged at byte {at}: a packet is said to have {length} bytes, but may have {max}")]
    TooLarge {
        /// Where.
        at: u64,
        /// What is claimed.
        length: u32,
        /// What may be.
        max: u32,
    },
    /// What follows makes no sense.
    #[error("damaged at byte {at}: {what}")]
    Damaged {
        /// Where.
        at: u64,
        /// What is the matter.
        what: &'static str,
    },
    /// It could not be read.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Error {
    /// Whether all before this was read, of a file that is a capture.
    pub fn is_partial(&self) -> bool {
        matches!(
            self,
            Error::CutOff { .. } | Error::TooLarge { .. } | Error::Damaged { .. }
        )
    }
}

/// The frames of a file.
pub(crate) struct Frames<'a> {
    reader: Box<dyn PcapReaderIterator + 'a>,
    failure: Failure,
    /// Those of the file, or of a section of it.
    interfaces: Vec<Interface>,
    /// What comes next, once the file's header has been read.
    format: Option<Format>,
}

/// A frame, as far as it was captured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) link: LinkType,
    /// That of the machine that made the capture.
    pub(crate) order: Order,
    /// When it was captured, if that was noted.
    time: Option<Time>,
    pub(crate) bytes: &'a [u8],
}

/// A moment: so many ticks since 1970.
#[derive(Clone, Copy, Debug)]
struct Time {
    ticks: u64,
    clock: Clock,
}

/// What time is measured in.
#[derive(Clone, Copy, Debug)]
struct Clock {
    /// Ticks in a second.
    frequency: u64,
    /// Seconds that each time is short of.
    offset: i64,
}

/// How what follows a file's header is written.
#[derive(Clone, Copy)]
enum Format {
    /// Packets, each of so many bytes at most.
    Pcap { order: Order, max: u32 },
    /// The blocks of a section.
    PcapNg(Order),
}

/// In what order the bytes of numbers are.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Order {
    Little,
    Big,
}

/// What frames are captured on.
#[derive(Clone, Copy)]
struct Interface {
    link: LinkType,
    /// How much is captured of a frame.
    snaplen: usize,
    clock: Clock,
}

/// When the first packet of a capture was captured, in nanoseconds since 1970; `None` if no packet tells.
pub fn first_time(input: impl Read) -> Result<Option<i128>, Error> {
    let mut frames = Frames::open(input)?;
    let mut first = None;
    while first.is_none() {
        let read = frames.read(|frame| first = frame.time.map(Time::nanoseconds));
        match read {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) if error.is_partial() => break,
            Err(error) => return Err(error),
        }
    }
    Ok(first)
}

impl Time {
    fn nanoseconds(self) -> i128 {
        const SECOND: u64 = 1_000_000_000;
        let Clock { frequency, offset } = self.clock;
        // A frequency is not 0, and no product of two such numbers overflows.
        let ticks = u128::from(self.ticks).saturating_mul(SECOND.into());
        let ticks = ticks.checked_div(frequency.into()).unwrap_or_default();
        let offset = i128::from(offset).saturating_mul(SECOND.into());
        offset.saturating_add_unsigned(ticks)
    }
}

impl<'a> Frames<'a> {
    /// Finds out of what kind the file is.
    pub(crate) fn open(input: impl Read + 'a) -> Result<Self, Error> {
        let failure = Failure::default();
        let reader = open(Watched {
            input,
            failure: Rc::clone(&failure),
        })
        .map_err(|error| failure.take().map_or(error, Error::Io))?;
        Ok(Self {
            reader,
            failure,
            interfaces: Vec::new(),
            format: None,
        })
    }

    /// Reads on, and calls `handle` if there is a frame. False at the end of the file.
    pub(crate) fn read(&mut self, mut handle: impl FnMut(&Frame<'_>)) -> Result<bool, Error> {
        let at = self.reader.consumed() as u64;
        let damaged = |what| Err(Error::Damaged { at, what });
        let interfaces = &mut self.interfaces;
        let mut order = Order::Little;
        match self.format {
            Some(Format::PcapNg(of_section)) => {
                order = of_section;
                if !order.has_possible_size(self.reader.data()) {
                    return damaged("a block of impossible size");
                }
            }
            Some(Format::Pcap {
                order: of_file,
                max,
            }) => {
                order = of_file;
                let claimed = self.reader.data().get(8..).and_then(<[u8]>::first_chunk);
                let claimed = claimed.map(|&length| order.u32(length));
                if let Some(length) = claimed.filter(|&length| length > max) {
                    return Err(Error::TooLarge { at, length, max });
                }
            }
            None => {}
        }
        let length = match self.reader.next() {
            Ok((length, block)) => {
                match &block {
                    PcapBlockOwned::LegacyHeader(file) => {
                        self.format = Some(Format::Pcap {
                            order: Order::of(file.is_bigendian()),
                            max: file.snaplen.max(SNAPLEN),
                        });
                        let clock = Clock {
                            frequency: match file.is_nanosecond_precision() {
                                true => 1_000_000_000,
                                false => 1_000_000,
                            },
                            offset: file.thiszone.into(),
                        };
                        let link = file.network.0 & LINK_TYPE;
                        interfaces.push(Interface::new(link, 0, clock));
                    }
                    PcapBlockOwned::Legacy(packet) => {
                        let interface = interface(interfaces, 0);
                        let seconds = u64::from(packet.ts_sec);
                        let whole = seconds.saturating_mul(interface.clock.frequency);
                        let ticks = whole.saturating_add(packet.ts_usec.into());
                        handle(&interface.frame(order, Some(ticks), packet.data));
                    }
                    PcapBlockOwned::NG(Block::SectionHeader(section)) => {
                        interfaces.clear();
                        self.format = Some(Format::PcapNg(Order::of(section.big_endian())));
                    }
                    PcapBlockOwned::NG(Block::InterfaceDescription(described)) => {
                        let clock = Clock {
                            frequency: frequency(described.if_tsresol),
                            offset: order.offset(described),
                        };
                        let (link, snaplen) = (described.linktype.0, described.snaplen);
                        if interfaces.len() < INTERFACES_MAX {
                            interfaces.push(Interface::new(link, snaplen, clock));
                        }
                    }
                    PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => {
                        let interface = interface(interfaces, packet.if_id);
                        let ticks = ticks(packet.ts_high, packet.ts_low);
                        handle(&interface.frame(order, Some(ticks), packet.packet_data()));
                    }
                    PcapBlockOwned::NG(Block::SimplePacket(packet)) => {
                        let interface = interface(interfaces, 0);
                        let data = packet.packet_data();
                        // It does not say how much was captured; the rest is padding.
                        let captured = data.get(..interface.snaplen).unwrap_or(data);
                        handle(&interface.frame(order, None, captured));
                    }
                    PcapBlockOwned::NG(Block::Unknown(block)) => {
                        if let Some((number, ticks, data)) = order.packet(block) {
                            let interface = interface(interfaces, number);
                            handle(&interface.frame(order, Some(ticks), data));
                        }
                    }
                    PcapBlockOwned::NG(_) => {}
                }
                length
            }
            Err(PcapError::Eof) => return Ok(false),
            Err(PcapError::UnexpectedEof) => return Err(Error::CutOff { at }),
            Err(PcapError::Incomplete(_) | PcapError::BufferTooSmall) => {
                return match self.refill()? {
                    true => Ok(true),
                    false => damaged("a packet of impossible size"),
                };
            }
            Err(_) => return damaged("what is there is no packet"),
        };
        if length == 0 {
            return damaged("an empty block");
        }
        self.reader.consume(length);
        Ok(true)
    }

    /// Reads more, since what is in the buffer ends within a block. False if that gets too large.
    fn refill(&mut self) -> Result<bool, Error> {
        let had = self.reader.data().len();
        let is_read = self.reader.refill().is_ok();
        if let Some(failure) = self.failure.take() {
            return Err(Error::Io(failure));
        }
        if self.reader.data().len() > had || self.reader.reader_exhausted() {
            return Ok(true);
        }
        // The block is as large as the buffer.
        Ok(is_read && had < BUFFER_MAX && self.reader.grow(had.saturating_mul(2)))
    }
}

impl Order {
    fn of(is_big_endian: bool) -> Self {
        match is_big_endian {
            true => Self::Big,
            false => Self::Little,
        }
    }

    pub(crate) fn u16(self, bytes: [u8; 2]) -> u16 {
        match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        }
    }

    pub(crate) fn u32(self, bytes: [u8; 4]) -> u32 {
        match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        }
    }

    /// The seconds that an interface's times are short of, which the parser reads in one order always.
    fn offset(self, interface: &InterfaceDescriptionBlock<'_>) -> i64 {
        let mut options = interface.options.iter();
        let option = options.find(|option| option.code == OptionCode::IfTsoffset);
        let bytes = option.and_then(|option| option.value.first_chunk());
        bytes.map_or(0, |&bytes| match self {
            Self::Little => i64::from_le_bytes(bytes),
            Self::Big => i64::from_be_bytes(bytes),
        })
    }

    /// Whether a pcapng block claims a size that it may have, at which the parser looks too late or not at all.
    fn has_possible_size(self, block: &[u8]) -> bool {
        let Some((kind, rest)) = block.split_first_chunk::<4>() else {
            return true;
        };
        let length = match *kind {
            // It has an order of its own.
            PCAPNG => section_length(rest),
            _ => rest.first_chunk().map(|&length| self.u32(length)),
        };
        length.is_none_or(|length| (BLOCK_MIN..=BLOCK_MAX).contains(&length))
    }

    /// The interface, the time and the bytes of a Packet Block, which the parser does not know.
    fn packet<'b>(self, block: &UnknownBlock<'b>) -> Option<(u32, u64, &'b [u8])> {
        // The parser reads the type in one order always.
        if self.u32(block.block_type.to_le_bytes()) != PACKET_BLOCK {
            return None;
        }
        let (&interface, rest) = block.data.split_first_chunk::<2>()?;
        // Behind it how many packets were lost, 2 bytes; behind the captured length that on the wire.
        let (&high, rest) = rest.get(2..)?.split_first_chunk::<4>()?;
        let (&low, rest) = rest.split_first_chunk::<4>()?;
        let (&captured, rest) = rest.split_first_chunk::<4>()?;
        let data = rest.get(4..)?.get(..self.u32(captured) as usize)?;
        let ticks = ticks(self.u32(high), self.u32(low));
        Some((self.u16(interface).into(), ticks, data))
    }
}

impl Interface {
    fn new(link: i32, snaplen: u32, clock: Clock) -> Self {
        Self {
            link: LinkType(link),
            // 0 is no limit.
            snaplen: match snaplen {
                0 => usize::MAX,
                limit => limit as usize,
            },
            clock,
        }
    }

    fn frame<'b>(&self, order: Order, ticks: Option<u64>, bytes: &'b [u8]) -> Frame<'b> {
        let clock = self.clock;
        Frame {
            link: self.link,
            order,
            time: ticks.map(|ticks| Time { ticks, clock }),
            bytes,
        }
    }
}

/// The ticks in a second that pcapng's option `if_tsresol` tells: a power of two, if its first bit is set, or
/// else of ten. 0 if they are too many.
fn frequency(resolution: u8) -> u64 {
    let (base, exponent): (u64, _) = match resolution {
        0x80.. => (2, resolution & 0x7f),
        _ => (10, resolution),
    };
    base.checked_pow(exponent.into()).unwrap_or_default()
}

/// A time as pcapng splits it.
fn ticks(high: u32, low: u32) -> u64 {
    (u64::from(high) << 32) | u64::from(low)
}

/// An interface by its number. One that was not described has a link type that nobody knows.
fn interface(interfaces: &[Interface], number: u32) -> Interface {
    let undescribed = Interface {
        link: LinkType::UNDESCRIBED,
        snaplen: usize::MAX,
        clock: Clock {
            frequency: 1_000_000,
            offset: 0,
        },
    };
    let interface = interfaces.get(number as usize);
    interface.copied().unwrap_or(undescribed)
}

/// Finds out of what kind the file is.
fn open<'a>(mut input: impl Read + 'a) -> Result<Box<dyn PcapReaderIterator + 'a>, Error> {
    // The readers want a header whole from their first read, which a pipe need not give.
    let mut head = Vec::new();
    fill(&mut input, &mut head, PCAP_HEADER)?;
    let Some((magic, rest)) = head.split_first_chunk::<4>() else {
        return Err(Error::NotCapture(match head.as_slice() {
            [] => "it is empty",
            _ => "it has less than 4 bytes",
        }));
    };
    if *magic == PCAPNG {
        let length = section_length(rest).and_then(|length| usize::try_from(length).ok());
        let Some(length) = length.filter(|&length| length <= BUFFER / 2) else {
            let what = "the section header has an impossible size";
            return Err(Error::Damaged { at: 0, what });
        };
        fill(&mut input, &mut head, length)?;
        if head.len() < length {
            return Err(Error::CutOff { at: 0 });
        }
        return match PcapNGReader::new(BUFFER, io::Cursor::new(head).chain(input)) {
            Ok(reader) => Ok(Box::new(reader)),
            Err(_) => Err(Error::Damaged {
                at: 0,
                what: "the section header makes no sense",
            }),
        };
    }
    let is_whole = head.len() >= PCAP_HEADER;
    let other = other_kind(*magic);
    match LegacyPcapReader::new(BUFFER, io::Cursor::new(head).chain(input)) {
        Ok(reader) => Ok(Box::new(reader)),
        Err(PcapError::Incomplete(_)) if !is_whole => Err(Error::CutOff { at: 0 }),
        Err(_) => Err(Error::NotCapture(other)),
    }
}

/// The size of a pcapng file's first block, from what follows its type.
fn section_length(rest: &[u8]) -> Option<u32> {
    let (length, rest) = rest.split_first_chunk::<4>()?;
    match rest.first_chunk::<4>()? {
        [0x4d, 0x3c, 0x2b, 0x1a] => Some(u32::from_le_bytes(*length)),
        [0x1a, 0x2b, 0x3c, 0x4d] => Some(u32::from_be_bytes(*length)),
        _ => None,
    }
}

/// What a file that begins so is instead of a capture.
fn other_kind(magic: [u8; 4]) -> &'static str {
    match magic {
        [0x1f, 0x8b, ..] => "it is compressed, run gunzip first",
        [0x28, 0xb5, 0x2f, 0xfd] => "it is compressed, run unzstd first",
        [0xfd, b'7', b'z', b'X'] => "it is compressed, run unxz first",
        [b'B', b'Z', b'h', _] => "it is compressed, run bunzip2 first",
        _ => "it begins like neither",
    }
}

/// Reads until `head` has `length` bytes, or there are no more.
fn fill(input: &mut impl Read, head: &mut Vec<u8>, length: usize) -> io::Result<()> {
    let missing = length.saturating_sub(head.len()) as u64;
    input.take(missing).read_to_end(head).map(drop)
}

/// Where the error of a failed read is kept, of which the readers say only that there was one.
type Failure = Rc<Cell<Option<io::Error>>>;

struct Watched<R> {
    input: R,
    failure: Failure,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.input.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let kind = error.kind();
                    self.failure.set(Some(error));
                    return Err(kind.into());
                }
                read => return read,
            }
        }
    }
}
