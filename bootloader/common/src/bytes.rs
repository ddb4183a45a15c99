//! Where bytes come from, and little-endian numbers in them.

use crate::failure::{Failure, Kind};

/// A disk, a file, or memory that is read like one.
pub trait ReadAt {
    /// Returns the `length` bytes at `offset`, valid until the next read.
    ///
    /// A disk may demand that both are multiples of its sector and that `length` is at most `largest_read`.
    fn read_at(&mut self, offset: u64, length: usize) -> Result<&[u8], Failure>;

    /// Fills `to` with what begins at `offset`, as `read_at` gives it: a source that can do so without a buffer of its
    /// own in between does.
    fn read_into(&mut self, offset: u64, to: &mut [u8]) -> Result<(), Failure> {
        to.copy_from_slice(self.read_at(offset, to.len())?);
        Ok(())
    }

    /// The most bytes that one call gives.
    fn largest_read(&self) -> usize;

    /// The size in bytes of what partition tables count in.
    fn sector_size(&self) -> u64;
}

/// A file that is in memory already.
pub struct Bytes<'a>(pub &'a [u8]);

/// What is copied and summed up at a time, so that it stays in the processor's caches.
const PIECE: usize = 64 << 10;

impl ReadAt for Bytes<'_> {
    fn read_at(&mut self, offset: u64, length: usize) -> Result<&[u8], Failure> {
        let end = offset.saturating_add(length as u64);
        let missing = Kind::KernelTruncated.with(end, self.0.len() as u64);
        let rest = self.0.get(offset as usize..).ok_or(missing)?;
        rest.get(..length).ok_or(missing)
    }

    fn largest_read(&self) -> usize {
        PIECE
    }

    fn sector_size(&self) -> u64 {
        layout::SECTOR_SIZE
    }
}

/// One of two sources: what reads from either is compiled once.
pub enum Either<A, B> {
    First(A),
    Second(B),
}

impl<A: ReadAt, B: ReadAt> ReadAt for Either<A, B> {
    fn read_at(&mut self, offset: u64, length: usize) -> Result<&[u8], Failure> {
        match self {
            Either::First(source) => source.read_at(offset, length),
            Either::Second(source) => source.read_at(offset, length),
        }
    }

    fn read_into(&mut self, offset: u64, to: &mut [u8]) -> Result<(), Failure> {
        match self {
            Either::First(source) => source.read_into(offset, to),
            Either::Second(source) => source.read_into(offset, to),
        }
    }

    fn largest_read(&self) -> usize {
        match self {
            Either::First(source) => source.largest_read(),
            Either::Second(source) => source.largest_read(),
        }
    }

    fn sector_size(&self) -> u64 {
        layout::SECTOR_SIZE
    }
}

/// The `N` bytes at `offset`, or `None` where they leave `bytes`.
#[inline]
pub fn take<const N: usize>(bytes: &[u8], offset: usize) -> Option<[u8; N]> {
    bytes.get(offset..)?.first_chunk().copied()
}

/// The little-endian u16 at `offset`.
#[inline]
pub fn u16_at(bytes: &[u8], offset: usize) -> Option<u16> {
    take(bytes, offset).map(u16::from_le_bytes)
}

/// The little-endian u32 at `offset`.
#[inline]
pub fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    take(bytes, offset).map(u32::from_le_bytes)
}

/// The little-endian u64 at `offset`.
#[inline]
pub fn u64_at(bytes: &[u8], offset: usize) -> Option<u64> {
    take(bytes, offset).map(u64::from_le_bytes)
}
