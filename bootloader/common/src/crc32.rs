//! CRC-32 as GPT uses it (IEEE 802.3, reflected), made for arrays that end in many zeroes.
//!
//! Zeroes are not walked through: appending n of them multiplies the register by x to the 8n modulo the
//! polynomial, which takes one multiplication for each bit of n.

const POLYNOMIAL: u32 = 0xEDB8_8320;

/// A nibble's step: 16 entries are enough for the few bytes that are not zero.
const STEPS: [u32; 16] = {
    let mut table = [0; 16];
    let mut index = 0;
    while index < 16 {
        let mut value = index as u32;
        let mut bit = 0;
        while bit < 4 {
            value = if value & 1 == 1 {
                value >> 1 ^ POLYNOMIAL
            } else {
                value >> 1
            };
            bit += 1;
        }
        table[index] = value;
        index += 1;
    }
    table
};

/// Returns the CRC of the pieces in turn.
pub fn crc32(pieces: &[&[u8]]) -> u32 {
    !pieces
        .iter()
        .fold(!0, |register, piece| walk(register, piece))
}

/// Returns the CRC of `bytes`, quickly where the end of them is zero.
pub fn crc32_sparse(bytes: &[u8]) -> u32 {
    let is_zero = |block: &&[u8]| {
        block
            .first_chunk()
            .is_some_and(|&block| u128::from_le_bytes(block) == 0)
    };
    let zeroes = bytes.rchunks_exact(16).take_while(is_zero).count() * 16;
    let begin = bytes.get(..bytes.len() - zeroes).unwrap_or(bytes);
    !append_zeroes(walk(!0, begin), zeroes)
}

fn walk(register: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(register, |register, &byte| {
        let half = STEPS[((register ^ u32::from(byte)) & 15) as usize] ^ register >> 4;
        STEPS[((half ^ u32::from(byte >> 4)) & 15) as usize] ^ half >> 4
    })
}

fn append_zeroes(mut register: u32, mut count: usize) -> u32 {
    // x to the 8 in the reflected order, where the highest bit is the lowest power.
    let mut power = 1 << (31 - 8);
    while count > 0 {
        if count & 1 == 1 {
            register = multiply(register, power);
        }
        power = multiply(power, power);
        count >>= 1;
    }
    register
}

/// The product of two polynomials modulo the CRC's, all reflected.
fn multiply(a: u32, mut b: u32) -> u32 {
    let mut product = 0;
    let mut rest = a;
    while rest != 0 {
        if rest >> 31 == 1 {
            product ^= b;
        }
        rest <<= 1;
        b = if b & 1 == 1 {
            b >> 1 ^ POLYNOMIAL
        } else {
            b >> 1
        };
    }
    product
}
