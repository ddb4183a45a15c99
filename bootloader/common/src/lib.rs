//! What every loader of ours needs: no assembly, no physical address, no allocator; tested on the builder.
//!
//! Bytes come through [`bytes::ReadAt`], memory through [`memory::Memory`] and [`memory::FrameAllocator`], page
//! tables through [`memory::AddressSpace`]. A firmware implements those and calls [`boot::prepare`].
#![no_std]
#![forbid(unsafe_code)]

pub mod boot;
pub mod bytes;
pub mod checksum;
pub mod crc32;
pub mod elf;
pub mod failure;
pub mod gpt;
pub mod handover;
pub mod kernel_file;
pub mod memory;
pub mod memory_map;
pub mod segments;

pub use failure::{Failure, Kind};
