"""Instructions: the memory that one uses, by bytes that an assembler made, and calls before a return address."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootwright.faults import instructions
from bootwright.faults.instructions import REGISTERS, Call, below_stack_pointer, call_before, decode

VALUES = {name: 0x1000 * (number + 1) for number, name in enumerate(REGISTERS)}
RIP = 0x200000


@pytest.mark.parametrize(
    ("code", "address"),
    [
        ("8a 00", 0x1000),  # mov al, [rax]
        ("48 c7 04 25 10 00 00 00 01 00 00 00", 0x10),  # mov qword ptr [0x10], 1
        ("48 8b 44 24 08", 0x5008),  # mov rax, [rsp + 8]
        ("42 8b 44 88 fc", 0x1000 + 0xA000 * 4 - 4),  # mov eax, [rax + r9*4 - 4]
        ("49 8b 04 24", 0xD000),  # mov rax, [r12]
        ("48 8b 05 10 00 00 00", RIP + 7 + 0x10),  # mov rax, [rip + 0x10]
        ("c7 05 10 00 00 00 01 00 00 00", RIP + 10 + 0x10),  # mov dword ptr [rip + 0x10], 1
        ("41 8b 85 00 01 00 00", 0xE100),  # mov eax, [r13 + 0x100]
        ("f3 48 a5", 0x8000),  # rep movsq
        ("50", 0x5000 - 8),  # push rax
        ("48 89 c8", None),  # mov rax, rcx
        ("f4", None),  # hlt
    ],
)
def test_the_address_of_the_operand_is_computed(code: str, address: int | None) -> None:
    found = decode(bytes.fromhex(code), RIP, VALUES)
    assert found is not None and found.address == address


@pytest.mark.parametrize(
    ("code", "aligned", "vector"),
    [
        ("0f 29 00", True, True),  # movaps [rax], xmm0
        ("66 0f 6f 00", True, True),  # movdqa xmm0, [rax]
        ("0f 58 00", True, True),  # addps xmm0, [rax]
        ("0f 11 00", False, True),  # movups [rax], xmm0
        ("f3 0f 6f 00", False, True),  # movdqu xmm0, [rax]
        ("f2 0f 58 00", False, True),  # addsd xmm0, [rax]
        ("0f 57 c0", False, True),  # xorps xmm0, xmm0
        ("0f b6 00", False, False),  # movzx eax, byte ptr [rax]
        ("89 00", False, False),  # mov [rax], eax
    ],
)
def test_an_operand_that_must_be_aligned_is_known(code: str, aligned: bool, vector: bool) -> None:
    found = decode(bytes.fromhex(code), RIP, VALUES)
    assert found is not None and (found.aligned, found.vector) == (aligned, vector)


@given(st.binary(max_size=15))
def test_any_bytes_give_an_instruction_or_nothing(code: bytes) -> None:
    found = decode(code, RIP, VALUES)
    assert found is None or found.address is None or 0 <= found.address < 1 << 64


@pytest.mark.parametrize(
    ("code", "call"),
    [
        ("90 90 e8 10 00 00 00", Call(target=RIP + 0x10)),
        ("90 ff 15 10 00 00 00", Call(pointer=RIP + 0x10)),
        ("90 90 90 90 90 ff d0", Call()),  # call rax
        ("90 90 90 90 41 ff d3", Call()),  # call r11
        ("90 90 90 90 ff 50 08", Call()),  # call [rax + 8]
        ("90 90 90 90 90 90 90", None),
        ("90 90 90 90 90 ff e0", None),  # jmp rax
    ],
)
def test_a_call_before_a_return_address_is_recognised(code: str, call: Call | None) -> None:
    assert call_before(bytes.fromhex(code), RIP) == call


def test_a_use_of_the_red_zone_is_seen() -> None:
    assert below_stack_pointer(bytes.fromhex("48 89 44 24 f8"))  # mov [rsp - 8], rax
    assert not below_stack_pointer(bytes.fromhex("48 89 44 24 08"))


@pytest.mark.parametrize(
    ("code", "length", "to"),
    [
        ("4883ec28", 4, None),  # sub rsp, 0x28
        ("ec", 1, None),  # in al, dx
        ("66ed", 2, None),  # in ax, dx
        ("e464", 2, None),  # in al, 0x64
        ("48b88877665544332211", 10, None),  # movabs rax
        ("66c7040500800b000100", 10, None),  # mov word ptr [0xb8000], 1
        ("f6c101", 3, None),  # test cl, 1
        ("0f1f8400000000", 0, None),  # a nop of 8 bytes that ends early
        ("ebfe", 2, 0x1000),  # jmp to itself
        ("75f9", 2, 0xFFB),
        ("0f84fa0f0000", 6, 0x2000),  # je, near
        ("e8fb0f0000", 5, 0x2000),
        ("67e8fa0f0000", 6, 0x2000),  # a call that the linker made shorter
    ],
)
def test_an_instruction_has_its_length_and_says_where_it_goes(code: str, length: int, to: int | None) -> None:
    data = bytes.fromhex(code)
    assert instructions.size(data) == length
    assert not length or instructions.target(data, 0x1000) == to
