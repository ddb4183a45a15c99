//! What a firmware lends: physical memory, free frames, and an address space to map them into.

use crate::failure::Failure;
use crate::region::Use;

/// The size of a frame and of a page.
pub const PAGE: u64 = layout::PAGE_SIZE;

/// Physical memory that the loader may write.
pub trait Memory {
    /// The `length` bytes at the physical `address`; both come from an allocation.
    fn bytes(&mut self, address: u64, length: u64) -> &mut [u8];
}

/// Where an allocation may begin: `address % modulus == remainder`.
#[derive(Clone, Copy, Debug)]
pub struct Placement {
    pub modulus: u64,
    pub remainder: u64,
}

impl Placement {
    /// Any whole page.
    pub const ANY: Placement = Placement {
        modulus: PAGE,
        remainder: 0,
    };

    /// The first address from `from` on that fits, or `None` past the end of all addresses.
    pub fn first_from(self, from: u64) -> Option<u64> {
        let step = self.remainder.wrapping_sub(from) & (self.modulus - 1);
        from.checked_add(step)
    }
}

/// Physical memory with frames that nobody uses yet.
pub trait FrameAllocator: Memory {
    /// Returns the address of `length` bytes (rounded up to whole frames) for `purpose`; they hold anything.
    fn allocate(&mut self, purpose: Use, length: u64, placement: Placement)
    -> Result<u64, Failure>;
}

/// What the kernel may do with a page besides reading it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Access {
    pub write: bool,
    pub execute: bool,
}

impl Access {
    pub const READ: Access = Access {
        write: false,
        execute: false,
    };
    pub const WRITE: Access = Access {
        write: true,
        execute: false,
    };
    pub const EXECUTE: Access = Access {
        write: false,
        execute: true,
    };
    pub const ALL: Access = Access {
        write: true,
        execute: true,
    };

    /// What either allows.
    pub fn union(self, other: Access) -> Access {
        Access {
            write: self.write | other.write,
            execute: self.execute | other.execute,
        }
    }
}

/// Pages in a row and the frames in a row that they map to; all three are whole pages.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    pub address: u64,
    pub frame: u64,
    pub length: u64,
    /// Whether large pages may be used: not where single pages are looked for later.
    pub large: bool,
}

/// The kernel's page tables.
pub trait AddressSpace {
    /// Maps pages that are not mapped yet.
    fn map<F: FrameAllocator>(
        &mut self,
        frames: &mut F,
        run: Run,
        access: Access,
    ) -> Result<(), Failure>;

    /// Returns the frame and the access of the small page at `address`, or `None`.
    fn find<M: Memory>(&self, memory: &mut M, address: u64) -> Option<(u64, Access)>;

    /// Changes the small page at `address`, which is mapped.
    fn change<M: Memory>(&mut self, memory: &mut M, address: u64, frame: u64, access: Access);

    /// Makes the top-level entry of `address` point to the top level itself.
    fn map_recursively<M: Memory>(
        &mut self,
        memory: &mut M,
        address: u64,
        access: Access,
    ) -> Result<(), Failure>;
}

/// `value` rounded down to a whole page.
pub const fn page_of(value: u64) -> u64 {
    value & !(PAGE - 1)
}

/// `value`, at most 2 to the 64 less a page, rounded up to a whole page.
pub const fn pages_of(value: u64) -> u64 {
    page_of(value + (PAGE - 1))
}

/// True when `address` is one that a processor with 48-bit addresses takes.
pub const fn is_canonical(address: u64) -> bool {
    (address as i64) << 16 >> 16 == address as i64
}
