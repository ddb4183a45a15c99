"""What a kernel is made of, in bytes: by symbol and by crate."""

from __future__ import annotations

from bootwright.elf.sizes import count_symbols


def test_the_bytes_of_a_function_with_two_names_count_once() -> None:
    symbols, crates = count_symbols([(0x100, 16, "memcpy"), (0x100, 16, "memmove"), (0x110, 4, "memset")])
    assert symbols.total() == crates.total() == 20
    assert symbols["memset"] == 4


def test_of_a_symbol_within_another_no_byte_counts_twice() -> None:
    symbols, _ = count_symbols([(0x100, 16, "outer"), (0x104, 4, "inner"), (0x10C, 8, "overlapping")])
    assert symbols == {"outer": 16, "overlapping": 4}
