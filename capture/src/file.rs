// SPDX-License-Identifier: GPL-2.0
//! The frames of a capture file.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

use pcap_parser::traits::{PcapNGPacketBlock, PcapReaderIterator};
use pcap_parser::{Block, LegacyPcapReader, PcapBlockOwned, PcapError, PcapNGReader, UnknownBlock};

use crate::link::LinkType;

/// The first bytes of a pcapng file, in either order of bytes.
const PCAPNG: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

/// The size of a pcap file's header.
const PCAP_HEADER: usize = 24;

/// The size of a pcapng block that holds nothing: its type, and its size twice.
const BLOCK_MIN: u32 = 12;

/// The interfaces of a section that are known; captures have a few. Beyond, they count as undescribed.
const INTERFACES_MAX: usize = 1 << 16;

/// The pcapng block that packets were written in before there were Enhanced Packet Blocks.
const PACKET_BLOCK: u32 = 2;

/// The bits of a pcap file's link type; others tell of checksums behind the frames.
const LINK_TYPE: i32 = 0x03ff_ffff;

/// How much is read at once, and what a block may take before the file counts as damaged. The
/// largest packet that capture programs write has 256 KiB.
const BUFFER: usize = 1 << 18;
const BUFFER_MAX: usize = 1 << 24;

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
        matches!(self, Error::CutOff { .. } | Error::Damaged { .. })
    }
}

/// The frames of a file.
pub(crate) struct Frames<'a> {
    reader: Box<dyn PcapReaderIterator + 'a>,
    failure: Failure,
    /// Those of the file, or of a section of it.
    interfaces: Vec<Interface>,
    /// That of a pcapng file's section.
    order: Option<Order>,
}

/// In what order the bytes of numbers are.
#[derive(Clone, Copy)]
enum Order {
    Little,
    Big,
}

/// What frames are captured on.
struct Interface {
    link: LinkType,
    /// How much is captured of a frame.
    snaplen: usize,
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
            order: None,
        })
    }

    /// Reads on, and calls `handle` if there is a frame. False at the end of the file.
    pub(crate) fn read(&mut self, mut handle: impl FnMut(LinkType, &[u8])) -> Result<bool, Error> {
        let at = self.reader.consumed() as u64;
        let damaged = |what| Err(Error::Damaged { at, what });
        let interfaces = &mut self.interfaces;
        let order = self.order;
        if order.is_some_and(|order| order.is_too_short(self.reader.data())) {
            return damaged("a block of impossible size");
        }
        let length = match self.reader.next() {
            Ok((length, block)) => {
                match &block {
                    PcapBlockOwned::LegacyHeader(file) => {
                        interfaces.push(Interface::new(file.network.0 & LINK_TYPE, 0));
                    }
                    PcapBlockOwned::Legacy(packet) => {
                        handle(link(interfaces, 0), packet.data);
                    }
                    PcapBlockOwned::NG(Block::SectionHeader(section)) => {
                        interfaces.clear();
                        self.order = Some(match section.big_endian() {
                            true => Order::Big,
                            false => Order::Little,
                        });
                    }
                    PcapBlockOwned::NG(Block::InterfaceDescription(described)) => {
                        let interface = Interface::new(described.linktype.0, described.snaplen);
                        if interfaces.len() < INTERFACES_MAX {
                            interfaces.push(interface);
                        }
                    }
                    PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => {
                        handle(link(interfaces, packet.if_id), packet.packet_data());
                    }
                    PcapBlockOwned::NG(Block::SimplePacket(packet)) => {
                        let data = packet.packet_data();
                        // It does not say how much was captured; the rest is padding.
                        let snaplen = interfaces.first().map(|interface| interface.snaplen);
                        let captured = snaplen.and_then(|snaplen| data.get(..snaplen));
                        handle(link(interfaces, 0), captured.unwrap_or(data));
                    }
                    PcapBlockOwned::NG(Block::Unknown(block)) => {
                        if let Some((interface, data)) = order.and_then(|it| it.packet(block)) {
                            handle(link(interfaces, interface), data);
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
    fn u16(self, bytes: [u8; 2]) -> u16 {
        match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        }
    }

    fn u32(self, bytes: [u8; 4]) -> u32 {
        match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        }
    }

    /// Whether a pcapng block claims to be shorter than any can be, which the parser does not look at
    /// in all of them.
    fn is_too_short(self, block: &[u8]) -> bool {
        let length = block.get(4..).and_then(<[u8]>::first_chunk::<4>);
        length.is_some_and(|&length| self.u32(length) < BLOCK_MIN)
    }

    /// The interface and the bytes of a Packet Block, which the parser does not know.
    fn packet<'b>(self, block: &UnknownBlock<'b>) -> Option<(u32, &'b [u8])> {
        // The parser reads the type in one order always.
        if self.u32(block.block_type.to_le_bytes()) != PACKET_BLOCK {
            return None;
        }
        let (&interface, rest) = block.data.split_first_chunk::<2>()?;
        // Behind it: how many packets were lost, 2 bytes; the time, 8.
        let (&captured, rest) = rest.get(10..)?.split_first_chunk::<4>()?;
        let data = rest.get(4..)?.get(..self.u32(captured) as usize)?;
        Some((self.u16(interface).into(), data))
    }
}

impl Interface {
    fn new(link: i32, snaplen: u32) -> Self {
        Self {
            link: LinkType(link),
            // 0 is no limit.
            snaplen: match snaplen {
                0 => usize::MAX,
                limit => limit as usize,
            },
        }
    }
}

/// The link type of an interface. One that was not described has none that anybody knows.
fn link(interfaces: &[Interface], number: u32) -> LinkType {
    let interface = interfaces.get(number as usize);
    interface.map_or(LinkType::UNDESCRIBED, |interface| interface.link)
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
        let length = section_length(rest).filter(|&length| length <= BUFFER / 2);
        let Some(length) = length else {
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
fn section_length(rest: &[u8]) -> Option<usize> {
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let length = match rest.first_chunk::<4>()? {
        [0x4d, 0x3c, 0x2b, 0x1a] => u32::from_le_bytes(*length),
        [0x1a, 0x2b, 0x3c, 0x4d] => u32::from_be_bytes(*length),
        _ => return None,
    };
    usize::try_from(length).ok()
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
