"""Instructions and registers of the boards' architectures, by the bytes that assemblers make and QEMU's own words."""

from __future__ import annotations

import pytest

from bootwright.faults.architectures import AARCH64, ARM, RISCV32, RISCV64, Architecture, Instruction, Kind

HERE = 0x1000


@pytest.mark.parametrize(
    ("architecture", "code", "found"),
    [
        (ARM, "00f002f8", Instruction(Kind.CALL, 4, HERE + 8)),  # bl .+8
        (ARM, "fff7feff", Instruction(Kind.CALL, 4, HERE)),  # bl .
        (ARM, "00f000b8", Instruction(Kind.JUMP, 4, HERE + 4)),  # b.w .+4
        (ARM, "fee7", Instruction(Kind.JUMP, 2, HERE)),  # b .
        (ARM, "9847", Instruction(Kind.CALL, 2)),  # blx r3
        (ARM, "30bf", Instruction(Kind.PAUSE, 2)),  # wfi
        (ARM, "7047", None),  # bx lr
        (AARCH64, "02000094", Instruction(Kind.CALL, 4, HERE + 8)),  # bl .+8
        (AARCH64, "ffffff17", Instruction(Kind.JUMP, 4, HERE - 4)),  # b .-4
        (AARCH64, "00013fd6", Instruction(Kind.CALL, 4)),  # blr x8
        (AARCH64, "7f2003d5", Instruction(Kind.PAUSE, 4)),  # wfi
        (AARCH64, "c0035fd6", None),  # ret
        (RISCV64, "ef004001", Instruction(Kind.CALL, 4, HERE + 20)),  # jal .+20
        (RISCV64, "6ff0dfff", Instruction(Kind.JUMP, 4, HERE - 4)),  # j .-4
        (RISCV64, "97100000e7808096", Instruction(Kind.CALL, 8, HERE + 0x1000 - 1688)),  # call
        (RISCV64, "1703000067008300", Instruction(Kind.JUMP, 8, HERE + 8)),  # tail
        (RISCV64, "e7000300", Instruction(Kind.CALL, 4)),  # jalr t1
        (RISCV64, "01a0", Instruction(Kind.JUMP, 2, HERE)),  # c.j .
        (RISCV64, "0295", Instruction(Kind.CALL, 2)),  # c.jalr a0
        (RISCV64, "0f000001", Instruction(Kind.PAUSE, 4)),  # pause
        (RISCV64, "9120", None),  # c.jal of 32 bits is c.addiw of 64
        (RISCV32, "1120", Instruction(Kind.CALL, 2, HERE + 4)),  # c.jal .+4
    ],
)
def test_calls_jumps_and_pauses_are_read(architecture: Architecture, code: str, found: Instruction | None) -> None:
    assert architecture.decode(bytes.fromhex(code), HERE) == found


def test_the_call_before_an_address_is_the_longest_that_ends_there() -> None:
    call = bytes.fromhex("97100000e7808096")
    assert RISCV64.call_before(call, HERE + 8) == Instruction(Kind.CALL, 8, HERE + 0x1000 - 1688)
    assert ARM.call_before(bytes.fromhex("00bf00bf00bf9847"), HERE) == Instruction(Kind.CALL, 2)
    assert ARM.call_before(b"", HERE) is None


@pytest.mark.parametrize(
    ("architecture", "dump", "pc", "sp", "link"),
    [
        (ARM, "R12=00000000 R13=203ffff8 R14=000002d5 R15=000003d6\nXPSR=a1000000 N-C- T priv-thread",
         0x3D6, 0x203FFFF8, 0x2D5),
        (AARCH64, " PC=0000000000000200 X29=0000000000000000 X30=0000000040200274  SP=000000004030fef0",
         0x200, 0x4030FEF0, 0x40200274),
        (RISCV32, " pc       80000100\n mtvec    00000000\n x0/zero  00000000 x1/ra    800001ee x2/sp    80101f70",
         0x80000100, 0x80101F70, 0x800001EE),
    ],
)  # fmt: skip
def test_registers_are_read_by_their_names(architecture: Architecture, dump: str, pc: int, sp: int, link: int) -> None:
    found = architecture.parse(dump)
    assert (found["pc"], found["sp"], found[architecture.link]) == (pc, sp, link)


@pytest.mark.parametrize(
    ("architecture", "registers", "off"),
    [
        (AARCH64, {"pstate": 0x600003C5}, True), (AARCH64, {"pstate": 0x60000305}, False),
        (AARCH64, {"pstate": 0x60000345}, False), (RISCV64, {"mstatus": 0xA00000000}, True),
        (RISCV64, {"mstatus": 0xA00000008}, False), (RISCV32, {"mstatus": 2}, False), (RISCV32, {}, False),
        (ARM, {"xpsr": 0x41000000}, False),
    ],
)  # fmt: skip
def test_whether_an_interrupt_may_come_is_known_where_a_register_says_so(
    architecture: Architecture, registers: dict[str, int], off: bool
) -> None:
    assert architecture.has_interrupts_off(registers) is off
