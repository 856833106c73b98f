//! Frames out of a capture file: pcap (micro- or nanoseconds, either byte order) or pcapng.

use std::{fs, io::ErrorKind, path::Path};

use anyhow::{Context, Result, bail, ensure};
use pcap_file::{
    DataLink, PcapError,
    pcap::PcapReader,
    pcapng::{Block, PcapNgReader},
};

/// The section header's type, with which a pcapng file starts.
const SECTION_HEADER: [u8; 4] = [0x0A, 0x0D, 0x0D, 0x0A];

/// The frames of a capture of Ethernet, in order, as many bytes of each as the capture has.
///
/// # Errors
/// A file that cannot be read, is of another kind, or holds no Ethernet, with its name.
pub fn frames(path: &Path) -> Result<Vec<Vec<u8>>> {
    fs::read(path).map_err(Into::into).and_then(|file| read(&file)).with_context(|| path.display().to_string())
}

fn read(file: &[u8]) -> Result<Vec<Vec<u8>>> {
    ensure!(file.len() >= SECTION_HEADER.len(), "not a capture: too short");
    if file.starts_with(&SECTION_HEADER) { pcapng(file) } else { pcap(file) }
}

fn pcap(file: &[u8]) -> Result<Vec<Vec<u8>>> {
    let mut reader = PcapReader::new(file)?;
    ensure!(reader.header().datalink == DataLink::ETHERNET, other_link(reader.header().datalink));
    let mut frames = Vec::new();
    // Lengths are not checked against the snaplen: real captures are careless about it.
    while let Some(packet) = reader.next_raw_packet() {
        match packet {
            Ok(packet) => frames.push(packet.data.into_owned()),
            Err(why) => {
                ends_early(&frames, why)?;
                break;
            }
        }
    }
    Ok(frames)
}

/// The frames of the interfaces that are Ethernet. A file may have several, and several sections.
fn pcapng(file: &[u8]) -> Result<Vec<Vec<u8>>> {
    let mut reader = PcapNgReader::new(file)?;
    let (mut frames, mut links, mut others) = (Vec::new(), Vec::new(), Vec::new());
    while let Some(block) = reader.next_block() {
        let (interface, frame) = match block {
            Ok(Block::SectionHeader(_)) => {
                links.clear();
                continue;
            }
            Ok(Block::InterfaceDescription(interface)) => {
                links.push(interface.linktype);
                continue;
            }
            Ok(Block::EnhancedPacket(packet)) => (packet.interface_id as usize, packet.data.into_owned()),
            Ok(Block::Packet(packet)) => (usize::from(packet.interface_id), packet.data.into_owned()),
            Ok(Block::SimplePacket(packet)) => (0, packet.data.into_owned()),
            Ok(_) => continue,
            Err(why) => {
                ends_early(&frames, why)?;
                break;
            }
        };
        match links.get(interface) {
            Some(&DataLink::ETHERNET) => frames.push(frame),
            Some(&link) => others.push(link),
            None => bail!("a frame of interface {interface}, which the file does not describe"),
        }
    }
    if let Some(&link) = others.first() {
        ensure!(!frames.is_empty(), other_link(link));
        eprintln!("{} frames of interfaces that are not Ethernet are left out", others.len());
    }
    Ok(frames)
}

fn other_link(link: DataLink) -> String {
    format!("link type {link:?}: only captures of Ethernet can be replayed")
}

/// A capture that was stopped in the middle of a block has the blocks before; nothing else may be wrong with it.
fn ends_early(frames: &[Vec<u8>], why: PcapError) -> Result<()> {
    match why {
        PcapError::IoError(why) if why.kind() == ErrorKind::UnexpectedEof && !frames.is_empty() => {
            eprintln!("the capture ends in the middle of a frame, after {} frames", frames.len());
            Ok(())
        }
        why => Err(why.into()),
    }
}

#[cfg(test)]
mod tests {
    /// A pcapng block.
    fn block(kind: u32, body: &[u8]) -> Vec<u8> {
        let len = (body.len().next_multiple_of(4) + 12) as u32;
        let mut bytes: Vec<u8> = kind.to_le_bytes().into_iter().chain(len.to_le_bytes()).chain(body.to_vec()).collect();
        bytes.resize(len as usize - 4, 0);
        bytes.extend(len.to_le_bytes());
        bytes
    }

    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    /// A section, with an interface of each link type, and a frame of 60 bytes of each.
    fn section(links: &[u32]) -> Vec<u8> {
        let mut file = block(0x0a0d_0d0a, &words(&[0x1a2b_3c4d, 1, u32::MAX, u32::MAX]));
        file.extend(links.iter().flat_map(|link| block(1, &words(&[*link, 0]))));
        for number in 0..links.len() {
            let head = words(&[number as u32, 0, 0, 60, 60]);
            file.extend(block(6, &[head, vec![number as u8; 60]].concat()));
        }
        file
    }

    fn read(file: &[u8]) -> Result<Vec<Vec<u8>>, String> {
        super::read(file).map_err(|why| format!("{why:#}"))
    }

    #[test]
    fn frames_of_ethernet_interfaces_are_read() {
        let (ethernet, wifi) = (1, 105);
        assert_eq!(read(&section(&[wifi, ethernet])), Ok(vec![vec![1; 60]]));
        let sections = [section(&[ethernet]), section(&[wifi, ethernet, ethernet])].concat();
        assert_eq!(read(&sections), Ok(vec![vec![0; 60], vec![1; 60], vec![2; 60]]));
        let why = read(&section(&[wifi])).expect_err("no Ethernet");
        assert!(why.contains("only captures of Ethernet"), "{why}");
    }

    #[test]
    fn a_capture_that_was_cut_has_its_first_frames() {
        let whole = section(&[1, 1]);
        assert_eq!(read(&whole[..whole.len() - 17]), Ok(vec![vec![0; 60]]));
        assert!(read(&whole[..whole.len() - 110]).is_err());
        let mut pcap = words(&[0xa1b2_c3d4, 0x0004_0002, 0, 0, 65535, 1]);
        for byte in 0..2 {
            pcap.extend([words(&[0, 0, 60, 60]), vec![byte; 60]].concat());
        }
        assert_eq!(read(&pcap[..pcap.len() - 1]), Ok(vec![vec![0; 60]]));
    }
}
