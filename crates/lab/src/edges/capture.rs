//! Frames out of a capture file: pcap (micro- or nanoseconds, either byte order) or pcapng.

use std::{fs::File, io::BufReader, path::Path};

use anyhow::{Context, Result, bail, ensure};
use pcap_file::{
    DataLink,
    pcap::PcapReader,
    pcapng::{Block, PcapNgReader},
};

/// The section header's type, with which a pcapng file starts.
const SECTION_HEADER: [u8; 4] = [0x0A, 0x0D, 0x0D, 0x0A];

/// The frames of a capture of Ethernet, in order, as many bytes of each as the capture has.
///
/// # Errors
/// A file that cannot be read, is of another kind, or holds another link type, with its name.
pub fn frames(path: &Path) -> Result<Vec<Vec<u8>>> {
    read(path).with_context(|| path.display().to_string())
}

fn read(path: &Path) -> Result<Vec<Vec<u8>>> {
    let mut start = [0; 4];
    std::io::Read::read_exact(&mut File::open(path)?, &mut start).context("not a capture: too short")?;
    let file = BufReader::new(File::open(path)?);
    if start == SECTION_HEADER { pcapng(file) } else { pcap(file) }
}

fn pcap(file: BufReader<File>) -> Result<Vec<Vec<u8>>> {
    let mut reader = PcapReader::new(file)?;
    ensure!(reader.header().datalink == DataLink::ETHERNET, "link type {:?}", reader.header().datalink);
    let mut frames = Vec::new();
    // Lengths are not checked against the snaplen: real captures are careless about it.
    while let Some(packet) = reader.next_raw_packet() {
        frames.push(packet?.data.into_owned());
    }
    Ok(frames)
}

fn pcapng(file: BufReader<File>) -> Result<Vec<Vec<u8>>> {
    let mut reader = PcapNgReader::new(file)?;
    let mut frames = Vec::new();
    while let Some(block) = reader.next_block() {
        match block? {
            Block::InterfaceDescription(interface) => {
                ensure!(interface.linktype == DataLink::ETHERNET, "link type {:?}", interface.linktype);
            }
            Block::EnhancedPacket(packet) => frames.push(packet.data.into_owned()),
            Block::SimplePacket(packet) => frames.push(packet.data.into_owned()),
            Block::Packet(_) => bail!("obsolete packet blocks"),
            _ => {}
        }
    }
    Ok(frames)
}
