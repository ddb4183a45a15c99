//! What every loader of ours needs: no assembly, no physical address, no allocator; tested on the builder.
//!
//! Bytes come through [`bytes::ReadAt`]; memory, screen and facts through [`platform::Platform`]; page tables through
//! [`memory::AddressSpace`]. A firmware implements the first two, reads the kernel by [`file::read`] and calls
//! [`boot::prepare`].
#![no_std]
#![forbid(unsafe_code)]

pub mod boot;
pub mod bytes;
pub mod checksum;
pub mod crc32;
pub mod elf;
pub mod facts;
pub mod failure;
pub mod file;
pub mod gpt;
pub mod handover;
pub mod kernel_file;
pub mod memory;
pub mod memory_map;
pub mod plan;
pub mod platform;
pub mod program_header;
pub mod region;
pub mod relocation;
pub mod segments;
pub mod sha256;
pub mod top_level;

pub use failure::{Failure, Kind};
