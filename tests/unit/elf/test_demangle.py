"""Rust's symbol names: both manglings, and what is neither."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootwright.elf.demangle import crate_of, demangle


@pytest.mark.parametrize(
    ("symbol", "name"),
    [
        ("_ZN5hello3vga6Writer10write_byte17h0123456789abcdefE", "hello::vga::Writer::write_byte"),
        (
            "_ZN44_$LT$$RF$T$u20$as$u20$core..fmt..Display$GT$3fmt17h2492064f2913b443E",
            "<&T as core::fmt::Display>::fmt",
        ),
        ("_ZN4core3num21_$LT$impl$u20$u64$GT$11to_le_bytes17h12cccb1ceed730f3E", "core::num::<impl u64>::to_le_bytes"),
        (
            "_ZN63_$LT$u8$u20$as$u20$alloc..vec..spec_from_elem..SpecFromElem$GT$9from_elem17h12cccb1ceed730f3E",
            "<u8 as alloc::vec::spec_from_elem::SpecFromElem>::from_elem",
        ),
        ("_RNvCsfgHYwM92fyn_7___rustc17rust_begin_unwind", "__rustc::rust_begin_unwind"),
        ("_RNvMsa_NtCslgPJgheuwSB_4core3fmtNtB5_9Formatter3pad", "<core::fmt::Formatter>::pad"),
        (
            "_RNvXs1i_NtCslgPJgheuwSB_4core3fmtReNtB6_7Display3fmtB8_",
            "<&str as core::fmt::Display>::fmt",
        ),
        (
            "_RINvNtCsgEmfK2I1SDS_4core3ptr13drop_in_placeANtNtCs4_3abc1m1Tj4_EB1T_",
            "core::ptr::drop_in_place::<[abc::m::T; 4]>",
        ),
        ("_RNCNvCs4_3abc4main0", "abc::main::{closure#0}"),
        ("_RNvCs4_3abcu8gdel_5qa", "abc::gödel"),
        ("_start", "_start"),
        ("memcpy", "memcpy"),
        ("_Rubbish", "_Rubbish"),
        ("_RNvB_3abc", "_RNvB_3abc"),
    ],
)
def test_a_symbol_is_shown_as_it_was_written(symbol: str, name: str) -> None:
    assert demangle(symbol) == name


@given(st.text(alphabet="_RNvCsXMINtBZ0123456789abhjE$.", max_size=40))
def test_any_text_comes_back_as_some_name(text: str) -> None:
    assert isinstance(demangle("_R" + text), str) and isinstance(demangle("_ZN" + text), str)


@pytest.mark.parametrize(
    ("symbol", "crate"),
    [
        ("_ZN5hello3vga6Writer10write_byte17h0123456789abcdefE", "hello"),
        ("<hello::vga::Writer as core::fmt::Write>::write_str", "hello"),
        ("<core::fmt::Formatter>::pad", "core"),
        ("<T as mine::Trait>::call", "mine"),
        ("_start", ""),
    ],
)
def test_the_crate_of_a_symbol_is_that_of_its_path(symbol: str, crate: str) -> None:
    assert crate_of(symbol) == crate
