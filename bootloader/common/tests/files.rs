//! What the builder's Python writes and this crate reads: checksum, kernel file, GPT. And their refusals.

mod support;

use common::bytes::ReadAt;
use common::checksum::Checksum;
use common::crc32::{crc32, crc32_sparse};
use common::failure::{Failure, Kind};
use common::file;
use common::gpt;
use common::kernel_file::{HEADER_SIZE, KernelFile};
use common::memory::Memory;
use common::region::{Report, Use};
use common::sha256::Sha256;
use support::{FakeDisk, FakePlatform, Generator, code};

// Written by tests/build/test_loader_crates.py: CHECKSUMS and CRCS, (bytes, value) pairs, and the two files.
include!(env!("VECTORS"));

fn checksum(bytes: &[u8]) -> u64 {
    let mut checksum = Checksum::default();
    checksum.update(bytes);
    checksum.value()
}

#[test]
fn python_and_this_crate_compute_the_same_sums() {
    for (bytes, value) in CHECKSUMS {
        assert_eq!(checksum(bytes), *value);
    }
    for (bytes, value) in CRCS {
        assert_eq!((crc32(&[bytes]), crc32_sparse(bytes)), (*value, *value));
        let (head, tail) = bytes.split_at(bytes.len() / 3);
        assert_eq!(crc32(&[head, tail]), *value);
    }
}

#[test]
fn any_single_changed_byte_changes_the_checksum() {
    let mut generator = Generator::new(11);
    let mut bytes = generator.bytes(3 * 512 + 100);
    let original = checksum(&bytes);
    for index in 0..bytes.len() {
        let change = 1 + generator.below(255) as u8;
        bytes[index] ^= change;
        assert_ne!(checksum(&bytes), original, "byte {index} ^ {change}");
        bytes[index] ^= change;
    }
}

#[test]
fn pieces_of_whole_sectors_give_the_checksum_of_the_whole() {
    let bytes = Generator::new(13).bytes(5 * 512 + 7);
    let mut pieces = Checksum::default();
    bytes.chunks(1024).for_each(|piece| pieces.update(piece));
    assert_eq!(pieces.value(), checksum(&bytes));
}

/// The code for Python's kernel file after `change`; the header's checksum is made good again when `resum` says so.
fn kernel(room: u64, resum: bool, change: impl Fn(&mut [u8])) -> String {
    let mut header = KERNEL_FILE[..HEADER_SIZE].to_vec();
    change(&mut header);
    if resum {
        header[32..40].fill(0);
        let sum = checksum(&header);
        header[32..40].copy_from_slice(&sum.to_le_bytes());
    }
    code(KernelFile::parse(&header, room))
}

#[test]
fn the_kernel_file_that_python_writes_is_read() {
    let room = KERNEL_FILE.len() as u64;
    let file = KernelFile::parse(&KERNEL_FILE[..HEADER_SIZE], room).unwrap();
    assert_eq!(checksum(&KERNEL_FILE[HEADER_SIZE..]), file.checksum);
    assert_eq!(file.elf_length, ELF_LENGTH);
    assert_eq!(
        (file.settings.handover, file.settings.stack_size),
        (1, 0x5000)
    );
    assert_eq!(file.settings.stack_address, Some(0xffff_ff00_0000_0000));
    assert_eq!(
        (
            file.settings.boot_info_address,
            file.settings.physical_memory_offset
        ),
        (Some(0x4_0000_0000), None)
    );
}

#[test]
fn a_flipped_bit_anywhere_in_the_kernel_header_is_found() {
    for bit in 0..HEADER_SIZE * 8 {
        let found = kernel(u64::MAX, false, |header| header[bit / 8] ^= 1 << (bit % 8));
        assert_eq!(found, if bit < 64 { "KM" } else { "KH" }, "bit {bit}");
    }
}

#[test]
fn each_field_of_the_kernel_header_is_checked() {
    assert_eq!(kernel(u64::MAX, true, |_| ()), "none");
    assert_eq!(kernel(KERNEL_FILE.len() as u64 - 512, true, |_| ()), "KT");
    assert_eq!(kernel(u64::MAX, true, |header| header[8] = 2), "KV");
    assert_eq!(kernel(u64::MAX, true, |header| header[12] = 1), "KF");
    assert_eq!(
        kernel(1 << 40, true, |header| header[16..24].fill(0xff)),
        "KT"
    );
    assert_eq!(
        kernel(u64::MAX, true, |header| header[60..64].fill(0xff)),
        "KF"
    );
    assert_eq!(kernel(u64::MAX, true, |header| header[60] -= 1), "KF");
    assert_eq!(kernel(u64::MAX, true, |header| header[64] = 99), "KR");
    // Features that nobody knows, where the stack's size was.
    assert_eq!(kernel(u64::MAX, true, |header| header[64] = 5), "KR");
    assert_eq!(kernel(u64::MAX, true, |header| header[68] = 4), "KF");
    assert_eq!(
        kernel(u64::MAX, true, |header| header[72..80].fill(0)),
        "KA"
    );
    assert_eq!(kernel(u64::MAX, true, |header| header[94] = 0), "KA");
}

/// A disk on which the kernel's bytes are other ones the first times that they are read.
struct Unsteady {
    right: FakeDisk,
    wrong: FakeDisk,
    times: usize,
}

impl ReadAt for Unsteady {
    fn read_at(&mut self, offset: u64, length: usize) -> Result<&[u8], Failure> {
        if offset == HEADER_SIZE as u64 && self.times > 0 {
            self.times -= 1;
            return self.wrong.read_at(offset, length);
        }
        self.right.read_at(offset, length)
    }

    fn largest_read(&self) -> usize {
        self.right.largest_read()
    }

    fn sector_size(&self) -> u64 {
        self.right.sector_size()
    }
}

#[test]
fn what_was_read_wrong_is_read_once_more() {
    for (times, wanted) in [(0, "none"), (1, "none"), (2, "KC")] {
        let mut bytes = KERNEL_FILE.to_vec();
        let right = FakeDisk::new(bytes.clone());
        bytes[HEADER_SIZE] ^= 1;
        let wrong = FakeDisk::new(bytes);
        let mut disk = Unsteady {
            right,
            wrong,
            times,
        };
        let mut platform = FakePlatform::new(0x40_0000, 0x80_0000);
        platform.map.take_reports(&[Report {
            start: 0x40_0000,
            length: 0x80_0000,
            purpose: Use::Usable,
        }]);
        let room = KERNEL_FILE.len() as u64;
        let read = file::read(&mut disk, 0, room, &mut platform);
        assert_eq!(code(read), wanted, "{times} times");
        if let Ok(kernel) = read {
            let elf = platform.memory.bytes(kernel.elf.address, ELF_LENGTH);
            assert_eq!(elf, &KERNEL_FILE[HEADER_SIZE..][..ELF_LENGTH as usize]);
        }
    }
}

#[test]
fn a_partition_table_counts_in_the_disks_own_sectors() {
    let sector = |lba: usize, count: usize| {
        let mut sectors = TABLE[lba * 512..][..count * 512].to_vec();
        sectors.resize((count * 512).next_multiple_of(4096), 0);
        sectors
    };
    let disk = [vec![0; 4096], sector(1, 1), sector(2, 32)].concat();
    let mut disk = FakeDisk {
        sector_size: 4096,
        ..FakeDisk::new(disk)
    };
    let partition = gpt::find(&mut disk, &layout::KERNEL_TYPE).unwrap();
    assert_eq!(partition.start, layout::KERNEL_FIRST_LBA * 4096);
    assert_eq!(partition.length, 8 << 20);
}

/// The code for Python's partition table after `change`.
fn table(change: impl Fn(&mut [u8])) -> String {
    let mut disk = TABLE.to_vec();
    change(&mut disk);
    code(gpt::find(&mut FakeDisk::new(disk), &layout::KERNEL_TYPE))
}

/// As `table`, with both CRCs made good again.
fn resummed(change: impl Fn(&mut [u8])) -> String {
    table(|disk| {
        change(disk);
        let entries = crc32(&[&disk[1024..1024 + 128 * 128]]);
        disk[512 + 88..512 + 92].copy_from_slice(&entries.to_le_bytes());
        disk[512 + 16..512 + 20].fill(0);
        let header = crc32(&[&disk[512..512 + 92]]);
        disk[512 + 16..512 + 20].copy_from_slice(&header.to_le_bytes());
    })
}

#[test]
fn the_kernel_partition_is_found_by_its_type() {
    let partition = gpt::find(&mut FakeDisk::new(TABLE.to_vec()), &layout::KERNEL_TYPE).unwrap();
    assert_eq!(partition.start, layout::KERNEL_FIRST_LBA * 512);
    assert_eq!(partition.length, 1 << 20);
    assert_eq!(
        code(gpt::find(&mut FakeDisk::new(TABLE.to_vec()), &[1; 16])),
        "GK"
    );
}

#[test]
fn a_flipped_bit_in_the_partition_table_is_found() {
    let mut generator = Generator::new(17);
    for bit in 0..92 * 8 {
        let expected = match bit / 8 {
            0..8 => "GS",
            // A size below 92 bytes or above a sector is named before the sum can be made.
            12..16 => continue,
            _ => "GH",
        };
        assert_eq!(
            table(|disk| disk[512 + bit / 8] ^= 1 << (bit % 8)),
            expected,
            "bit {bit}"
        );
    }
    for _ in 0..2000 {
        let bit = generator.below(128 * 128 * 8) as usize;
        assert_eq!(
            table(|disk| disk[1024 + bit / 8] ^= 1 << (bit % 8)),
            "GA",
            "bit {bit}"
        );
    }
}

#[test]
fn each_field_of_the_partition_table_is_checked() {
    assert_eq!(resummed(|_| ()), "none");
    assert_eq!(table(|disk| disk[512 + 12] = 91), "GF");
    assert_eq!(table(|disk| disk[512 + 13] = 3), "GF");
    assert_eq!(resummed(|disk| disk[512 + 10] = 2), "GF");
    assert_eq!(resummed(|disk| disk[512 + 24] = 2), "GF");
    assert_eq!(resummed(|disk| disk[512 + 72] = 1), "GF");
    assert_eq!(resummed(|disk| disk[512 + 79] = 0x80), "GF");
    assert_eq!(resummed(|disk| disk[512 + 84] = 127), "GF");
    assert_eq!(resummed(|disk| disk[512 + 82] = 1), "GF");
    assert_eq!(resummed(|disk| disk[512 + 80] = 0), "GF");
    assert_eq!(resummed(|disk| disk[512 + 55] = 0x80), "GF");
    assert_eq!(resummed(|disk| disk[1024 + 128 + 32..][..8].fill(0)), "GB");
    assert_eq!(resummed(|disk| disk[1024 + 128 + 46] = 1), "GB");
    assert_eq!(
        resummed(|disk| disk[1024 + 128 + 40..][..2].copy_from_slice(&[0xff, 0x07])),
        "GB"
    );
    assert_eq!(resummed(|disk| disk[1024 + 128] ^= 1), "GK");
    assert_eq!(
        code(gpt::find(
            &mut FakeDisk::new(TABLE[..1024].to_vec()),
            &layout::KERNEL_TYPE
        )),
        "DR"
    );
}

#[test]
fn a_failure_is_one_line_with_its_code_and_numbers() {
    let mut line = Vec::new();
    Kind::KernelTooBig
        .with(18_446_744_073_709_551_615, 0)
        .tell(&mut |byte| line.push(byte));
    let expected = "bootwright: KB the kernel needs 18446744073709551615 bytes of memory; the largest free piece below \
                    4 GiB has 0\n";
    assert_eq!(String::from_utf8(line).unwrap(), expected);
    let mut line = Vec::new();
    Kind::Exception
        .with(14, 0x8abc)
        .tell(&mut |byte| line.push(byte));
    assert_eq!(
        String::from_utf8(line).unwrap(),
        "bootwright: XX exception 14 in the loader at 0x8abc\n"
    );
    let mut line = Vec::new();
    Kind::GptHeader
        .with(0, 0xffff_ffff)
        .tell(&mut |byte| line.push(byte));
    assert!(line.ends_with(b" is 0x0; it states 0xffffffff\n"));
}

#[test]
fn no_two_failures_share_a_code() {
    let mut codes: Vec<[u8; 2]> = Kind::ALL.iter().map(|kind| kind.code()).collect();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), Kind::ALL.len());
}

fn hex(text: &str) -> Vec<u32> {
    let word = |at| u32::from_str_radix(&text[at..at + 8], 16).unwrap();
    (0..text.len()).step_by(8).map(word).collect()
}

#[test]
fn the_standards_example() {
    let mut digest = Sha256::default();
    digest.update(b"abc");
    let stated = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(digest.finish()[..], hex(stated));
}

#[test]
fn what_python_computes_however_the_bytes_come() {
    for (bytes, stated) in SHA256 {
        for piece in [1, 3, 63, 64, 65, 4096] {
            let mut digest = Sha256::default();
            bytes.chunks(piece).for_each(|bytes| digest.update(bytes));
            assert_eq!(digest.finish(), stated, "{} bytes", bytes.len());
        }
    }
    assert!(SHA256.len() > 5);
}
