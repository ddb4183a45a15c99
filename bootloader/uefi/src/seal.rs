//! The seal of a signed loader: the SHA-256 of the only kernel file that it starts. The signature covers it.

use common::failure::{Failure, Kind};
use common::file::Kernel;
use common::sha256::Sha256;

/// What image/pe.py finds in the program and, before it is signed, fills in: the mark, and behind it 1 and the digest.
#[repr(C)]
struct Seal {
    mark: [u8; 16],
    sealed: u32,
    digest: [u32; 8],
}

#[used]
static SEAL: Seal = Seal {
    mark: layout::SEAL_MARK,
    sealed: 0,
    digest: [0; 8],
};

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
