//! What the builder writes into a loader: the SHA-256 of the only kernel file that it starts, which a signature covers,
//! and where in the program that file lies, for a loader that comes by network and has no disk.

use common::failure::{Failure, Kind};
use common::file::Kernel;
use common::sha256::Sha256;

/// What the builder finds in the program and, before it is signed, fills in (image/seal.py).
#[repr(C)]
struct Seal {
    mark: [u8; 16],
    sealed: u32,
    digest: [u32; 8],
    /// The kernel file's address, from the program's start on, and its length; 0 where it is on a disk.
    kernel: [u32; 2],
    /// The sum of the program's code and constants at address 0, as quadwords, without this.
    sum: u64,
    /// How many of the constants are addresses.
    addresses: u64,
}

#[used]
#[unsafe(link_section = ".seal")]
static SEAL: Seal = Seal {
    mark: layout::SEAL_MARK,
    sealed: 0,
    digest: [0; 8],
    kernel: [0; 2],
    sum: 0,
    addresses: 0,
};

unsafe extern "C" {
    static code_start: u64;
    static code_end: u64;
    static constants_start: u64;
    static constants_end: u64;
}

/// Whether code and constants are what was built: no firmware looks, but where Secure Boot is on.
pub fn is_whole() -> bool {
    let mut found = 0_u64;
    for [mut at, end] in [
        [&raw const code_start, &raw const code_end],
        [&raw const constants_start, &raw const constants_end],
    ] {
        while at != end {
            // SAFETY: the link script puts both ends on whole quadwords of this program, to which nobody writes.
            found = found.wrapping_add(unsafe { at.read() });
            at = at.wrapping_add(1);
        }
    }
    // SAFETY: statics; volatile, because the builder changes what was compiled.
    let (stated, addresses) = unsafe {
        let seal = &raw const SEAL;
        (
            (&raw const (*seal).sum).read_volatile(),
            (&raw const (*seal).addresses).read_volatile(),
        )
    };
    // The code is linked to begin with the second page; the firmware adds the program's place to each address.
    let base = (&raw const code_start as u64).wrapping_sub(layout::PAGE_SIZE);
    found == stated.wrapping_add(addresses.wrapping_mul(base))
}

/// The kernel file in the program, which begins at `base`.
pub fn kernel_inside(base: u64) -> Option<&'static [u8]> {
    // SAFETY: a static; volatile, because the builder changes what was compiled.
    let [start, length] = unsafe { (&raw const SEAL.kernel).read_volatile() };
    // SAFETY: the builder's section lies there, which the firmware has loaded.
    (length != 0).then(|| unsafe {
        core::slice::from_raw_parts((base + u64::from(start)) as *const u8, length as usize)
    })
}

/// Whether somebody sealed this loader.
fn is_sealed() -> bool {
    // SAFETY: a static; volatile, because the builder changes what was compiled.
    unsafe { (&raw const SEAL.sealed).read_volatile() != 0 }
}

fn is_stated(digest: &[u32; 8]) -> bool {
    let mut stated = (&raw const SEAL.digest).cast::<u32>();
    digest.iter().all(|word| {
        // SAFETY: as above; there are as many words as in a digest.
        let same = unsafe { stated.read_volatile() } == *word;
        stated = stated.wrapping_add(1);
        same
    })
}

/// Takes the kernel file's header into the digest; nothing where nobody sealed this loader.
pub fn see(digest: &mut Sha256, header: &[u8]) {
    if is_sealed() {
        digest.update(header);
    }
}

/// Compares what was read into memory with the seal: header, which was seen, ELF and ramdisk.
pub fn check(digest: &mut Sha256, kernel: &Kernel) -> Result<(), Failure> {
    if !is_sealed() {
        return Ok(());
    }
    for part in [Some(kernel.elf), kernel.ramdisk].into_iter().flatten() {
        // SAFETY: the pool gave these frames to the kernel's file, and nobody writes to them now.
        digest.update(unsafe { arch_x86_64::physical::slice_mut(part.address, part.length) });
    }
    if is_stated(digest.finish()) {
        Ok(())
    } else {
        Err(Kind::KernelForeign.alone())
    }
}
