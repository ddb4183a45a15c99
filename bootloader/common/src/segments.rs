//! Putting a kernel's segments into its address space: in place where that is safe, in frames of their own where not.
//!
//! The file is in memory already, so a page that holds nothing but bytes of one segment maps to where it was read.
//! A page gets a frame of its own when it holds .bss, when it is writable and holds bytes of somebody else as well,
//! or when two segments share it.

use core::ops::Range;

use crate::elf::{Image, Segment};
use crate::failure::{Failure, Kind};
use crate::memory::{
    Access, AddressSpace, FrameAllocator, PAGE, Placement, Run, page_of, pages_of,
};
use crate::region::Use;
use crate::relocation::Relocation;

/// A kernel's file in memory: `bytes` begin at the physical `address` and are whole pages.
#[derive(Clone, Copy)]
pub struct Loaded<'a> {
    pub bytes: &'a [u8],
    pub address: u64,
}

/// Where segments go, and what it takes to put them there.
pub struct Loader<'a, F, S> {
    pub file: Loaded<'a>,
    pub frames: &'a mut F,
    pub space: &'a mut S,
}

impl<F: FrameAllocator, S: AddressSpace> Loader<'_, F, S> {
    /// Maps every segment of `image` and fills .bss with zeroes; then relocates it, and takes away what RELRO says.
    pub fn load(&mut self, image: &Image) -> Result<(), Failure> {
        self.map_segments(image)?;
        self.relocate(image)?;
        self.protect(image)
    }

    fn map_segments(&mut self, image: &Image) -> Result<(), Failure> {
        let segments = image.segments();
        // Relocations and RELRO change single pages afterwards.
        let large = image.relocation_count() == 0 && image.relro.is_none();
        for (index, segment) in segments.iter().enumerate() {
            let next = segments
                .get(index + 1)
                .map_or(u64::MAX, |next| page_of(next.address));
            let mut start = page_of(segment.address);
            if self.space.find(self.frames, start).is_some() {
                self.share(segment, start)?;
                start += PAGE;
            }
            let end = pages_of(segment.end());
            if start >= end {
                continue;
            }
            // The page that the next segment shares is mapped by itself, so that it can be found and changed.
            let last = if next < end { end - PAGE } else { end };
            let shares = segments
                .iter()
                .any(|other| other != segment && share_pages(segment, other));
            let in_place = if segment.access.write && shares {
                last..last
            } else {
                in_place(segment, start..last)
            };
            self.map_private(segment, start, in_place.start, large)?;
            self.map_in_place(segment, in_place.start, in_place.end, large)?;
            self.map_private(segment, in_place.end, last, large)?;
            self.map_private(segment, last, end, large)?;
        }
        Ok(())
    }

    /// Maps pages to the file's own frames.
    fn map_in_place(
        &mut self,
        segment: &Segment,
        start: u64,
        end: u64,
        large: bool,
    ) -> Result<(), Failure> {
        if start >= end {
            return Ok(());
        }
        let frame =
            (self.file.address + segment.offset).wrapping_add(start.wrapping_sub(segment.address));
        self.space.map(
            self.frames,
            Run {
                address: start,
                frame,
                length: end - start,
                large,
            },
            segment.access,
        )
    }

    /// Maps pages to frames of their own, which hold the segment's bytes and zeroes.
    fn map_private(
        &mut self,
        segment: &Segment,
        start: u64,
        end: u64,
        large: bool,
    ) -> Result<(), Failure> {
        if start >= end {
            return Ok(());
        }
        let length = end - start;
        let modulus = layout::LARGE_PAGE_SIZE;
        // A long .bss is laid out for large pages; where memory is too broken up for that, anywhere.
        let aligned = Placement {
            modulus,
            remainder: start & (modulus - 1),
        };
        let placement = if length >= modulus {
            aligned
        } else {
            Placement::ANY
        };
        let frame = match self.frames.allocate(Use::Kernel, length, placement) {
            Err(_) if length >= modulus => {
                self.frames.allocate(Use::Kernel, length, Placement::ANY)?
            }
            allocated => allocated?,
        };
        let bytes = self.frames.bytes(frame, length);
        let from = segment.address.clamp(start, end);
        let to = segment.file_end().clamp(from, end);
        let offset = (segment.offset + (from - segment.address)) as usize;
        let (before, rest) = bytes.split_at_mut((from - start) as usize);
        let (file, after) = rest.split_at_mut((to - from) as usize);
        before.fill(0);
        // An empty piece may have an offset past the file: there is nothing to copy then.
        file.copy_from_slice(
            self.file
                .bytes
                .get(offset..offset + file.len())
                .unwrap_or_default(),
        );
        after.fill(0);
        self.space.map(
            self.frames,
            Run {
                address: start,
                frame,
                length,
                large,
            },
            segment.access,
        )
    }

    /// Returns a frame that is nobody else's with what `frame` holds: itself, unless it is one of the file's.
    fn own_frame(&mut self, frame: u64) -> Result<u64, Failure> {
        let in_file = frame
            .checked_sub(self.file.address)
            .filter(|&offset| offset < self.file.bytes.len() as u64);
        let Some(offset) = in_file else {
            return Ok(frame);
        };
        let own = self.frames.allocate(Use::Kernel, PAGE, Placement::ANY)?;
        let original = &self.file.bytes[offset as usize..][..PAGE as usize];
        self.frames.bytes(own, PAGE).copy_from_slice(original);
        Ok(own)
    }

    /// Writes what a relocation says, which may lie in two pages, to frames that are the kernel's alone.
    fn relocate(&mut self, image: &Image) -> Result<(), Failure> {
        for index in 0..image.relocation_count() {
            let Relocation { address, value } = image.relocation(self.file.bytes, index)?;
            let mut rest = &value.to_le_bytes()[..];
            let mut at = address;
            while !rest.is_empty() {
                let page = page_of(at);
                let missing = Kind::ElfRelocation.with(address, index);
                let (frame, access) = self.space.find(self.frames, page).ok_or(missing)?;
                let own = self.own_frame(frame)?;
                if own != frame {
                    self.space.change(self.frames, page, own, access);
                }
                let room = &mut self.frames.bytes(own, PAGE)[(at - page) as usize..];
                let (now, later) = rest.split_at(rest.len().min(room.len()));
                room[..now.len()].copy_from_slice(now);
                at += now.len() as u64;
                rest = later;
            }
        }
        Ok(())
    }

    /// Makes the pages of RELRO read-only: what relocations alone had to write.
    fn protect(&mut self, image: &Image) -> Result<(), Failure> {
        let Some((start, end)) = image.relro else {
            return Ok(());
        };
        // A last page in part stays writable: what follows in it is nobody's promise to leave alone.
        let (mut page, end) = (page_of(start), page_of(end));
        while page < end {
            let missing = Kind::ElfRelocation.with(page, end);
            let (frame, access) = self.space.find(self.frames, page).ok_or(missing)?;
            let access = Access {
                write: false,
                ..access
            };
            self.space.change(self.frames, page, frame, access);
            page += PAGE;
        }
        Ok(())
    }

    /// Adds the segment to its first page, which holds the end of the one before.
    fn share(&mut self, segment: &Segment, page: u64) -> Result<(), Failure> {
        let missing = Kind::ElfOverlap.with(page, segment.address);
        let (frame, access) = self.space.find(self.frames, page).ok_or(missing)?;
        let frame = self.own_frame(frame)?;
        let bytes = &mut self.frames.bytes(frame, PAGE)[(segment.address - page) as usize..];
        let bytes = &mut bytes[..segment.memory_size.min(PAGE - (segment.address - page)) as usize];
        let from_file = bytes.len().min(segment.file_size as usize);
        let (file, bss) = bytes.split_at_mut(from_file);
        file.copy_from_slice(&self.file.bytes[segment.offset as usize..][..from_file]);
        bss.fill(0);
        self.space.change(
            self.frames,
            page,
            frame,
            Access::union(access, segment.access),
        );
        Ok(())
    }
}

/// The part of `pages` that can stay in place.
fn in_place(segment: &Segment, pages: Range<u64>) -> Range<u64> {
    // A page in part of this segment shows its neighbour's bytes: harmless to read, not to write, and not in .bss.
    let start = if segment.access.write {
        pages_of(segment.address)
    } else {
        page_of(segment.address)
    };
    let keep_last = !segment.access.write && segment.memory_size == segment.file_size;
    let end = if keep_last {
        pages_of(segment.file_end())
    } else {
        page_of(segment.file_end())
    };
    let (start, end) = (start.max(pages.start), end.min(pages.end));
    if segment.file_size == 0 || start >= end {
        pages.end..pages.end
    } else {
        start..end
    }
}

/// True when whole pages of both come from the same bytes of the file: then writing to one would change the other.
fn share_pages(one: &Segment, other: &Segment) -> bool {
    let inner = |segment: &Segment| {
        (
            pages_of(segment.offset),
            page_of(segment.offset + segment.file_size),
        )
    };
    let outer = |segment: &Segment| {
        (
            page_of(segment.offset),
            pages_of(segment.offset + segment.file_size),
        )
    };
    let ((start, end), (other_start, other_end)) = (inner(one), outer(other));
    other.file_size > 0 && start.max(other_start) < end.min(other_end)
}
