"""The machines that kernels run in: the PC, and a board of QEMU's for each other architecture, as data.

A board starts from the kernel's ELF: QEMU puts its segments into memory. The linker script, one of linker/, knows where
that is. What the guest says comes by the serial port, and the exit status by semihosting or a device for tests.
"""

from __future__ import annotations

from bootwright.machine.emulators import AARCH64, ARM, RISCV32, RISCV64, X86_64, Emulator

TYPE_CHECKING = False  # typing itself takes 3 ms to import
if TYPE_CHECKING:
    from bootwright.rust.targets import Target

UNSET_VECTORS = range(0x40, 0x42)  # the instruction behind the table of linker/thumb*.ld, which jumps to itself
SEMIHOSTING = ("-semihosting-config", "enable=on,target=native")
# The verbs that a board has not: the sentence's end, and the hint, where {words} choose the kernel and {elf} is it.
REFUSED_VERBS = {
    "screenshot": ("has no screen", "`scons run --headless{words}` shows what its serial port says"),
    "iso": ("starts from an ELF; there is no disk to put on a CD", "disks are made of x86-64 kernels"),
    "pxe": ("starts from an ELF, in QEMU alone", "loaders for a network are those of x86-64 kernels"),
    "vm": ("starts from an ELF, in QEMU alone", "disks are made of x86-64 kernels"),
    "matrix": ("is one machine, and QEMU has no other like it", "`scons run{words}` starts it"),
    "usb": ("starts from an ELF; there is no disk to write", "disks are made of x86-64 kernels"),
}


class Board:
    """One machine: words are the first words of the triples (a JSON's llvm-target) that it runs.

    emulator is the program, arguments make the machine in it, memory is its size where that is fixed, script is in
    linker/, example is the directory of the kernel that is built where KERNEL names none; console and end are for
    people; unset is where vectors lead that nobody has set: no code of a kernel is there. places are where a kernel may
    be loaded, the one that it starts in first. arch is that of a JSON whose llvm-target begins with another word.
    firmware_at: a kernel that is linked there or above is started by QEMU's own firmware, which lies below; another one
    without any; 0 where there is no such thing. A plain class, since sconsw reads it at each start.
    """

    def __init__(
        self, name: str, words: tuple[str, ...], emulator: Emulator, arguments: tuple[str, ...], script: str,
        example: str, console: str, end: str, *, memory: str = "", unset: range = range(0), arch: str = "",
        firmware_at: int = 0, places: tuple[range, ...] = (),
    ) -> None:  # fmt: skip
        self.name = name
        self.words = words
        self.emulator = emulator
        self.arguments = arguments
        self.script = script
        self.example = example
        self.console = console
        self.end = end
        self.memory = memory
        self.unset = unset
        self.arch = arch
        self.firmware_at = firmware_at
        self.places = places

    @property
    def asked_by(self) -> str:
        """The first words of TARGET= that it runs, for people: riscv32* where all begin so."""
        shortest = min(self.words, key=len)
        alike = len(self.words) > 1 and all(word.startswith(shortest) for word in self.words)
        return f"{shortest}*" if alike else "/".join(self.words)

    @property
    def qemu(self) -> str:
        """The name of the program that emulates it."""
        return self.emulator.name

    @property
    def is_pc(self) -> bool:
        """Whether it starts from a disk or our loader, has a screen, and leaves by isa-debug-exit."""
        return self.name == "pc"


PC = Board(
    "pc", ("x86_64",), X86_64, (), "", "kernel", "the screen, and COM1 at port 0x3f8", "isa-debug-exit at port 0xf4",
    arch="x86_64",
)  # fmt: skip

END = 1 << 40  # of memory whose size MEMORY= says
MPS2 = (range(0x800000), range(0x20000000, 0x20800000), range(0x21000000, 0x22000000))
# Where QEMU has what: hw/arm/mps2.c, hw/riscv/virt.c and hw/arm/virt.c of its sources. The processor of mps2-an385 is
# a Cortex-M3, of mps2-an386 a Cortex-M4 with FPU, of microbit a Cortex-M0; virt of Arm's has a 32-bit one unless it is
# told otherwise. OpenSBI goes by the entry point of an ELF, and leaves to kernels what is 2 MiB behind its beginning.
BOARDS = (
    PC,
    Board(
        "mps2-an386", ("thumbv7em",), ARM, ("-machine", "mps2-an386", *SEMIHOSTING), "thumbv7em.ld",
        "tests/kernels/hello-arm", "UART 0 (CMSDK) at 0x40004000", "semihosting, SYS_EXIT_EXTENDED", memory="16M",
        unset=UNSET_VECTORS, places=MPS2,
    ),
    Board(
        "mps2-an385", ("thumbv7m",), ARM, ("-machine", "mps2-an385", *SEMIHOSTING), "thumbv7em.ld",
        "tests/kernels/hello-arm", "UART 0 (CMSDK) at 0x40004000", "semihosting, SYS_EXIT_EXTENDED", memory="16M",
        unset=UNSET_VECTORS, places=MPS2,
    ),
    Board(
        "microbit", ("thumbv6m",), ARM, ("-machine", "microbit", *SEMIHOSTING), "thumbv6m.ld",
        "tests/kernels/hello-cortex-m0", "the nRF51's UART at 0x40002000", "semihosting, SYS_EXIT_EXTENDED",
        memory="16K", unset=UNSET_VECTORS, places=(range(0x40000), range(0x20000000, 0x20004000)),
    ),
    Board(
        "riscv32-virt", ("riscv32i", "riscv32im", "riscv32imc", "riscv32imac", "riscv32imafc", "riscv32"), RISCV32,
        ("-machine", "virt", *SEMIHOSTING),
        "riscv32.ld", "tests/kernels/hello-riscv32", "a 16550 at 0x10000000",
        "SiFive's test device at 0x100000, or semihosting", unset=range(4), arch="riscv32", firmware_at=0x80200000,
        places=(range(0x80000000, END),),
    ),
    Board(
        "riscv64-virt", ("riscv64gc", "riscv64imac", "riscv64"), RISCV64,
        ("-machine", "virt", *SEMIHOSTING),
        "riscv64.ld", "tests/kernels/hello-riscv64", "a 16550 at 0x10000000",
        "SiFive's test device at 0x100000, or semihosting", unset=range(4), arch="riscv64", firmware_at=0x80200000,
        places=(range(0x80000000, END),),
    ),
    Board(
        "aarch64-virt", ("aarch64", "arm64"), AARCH64, ("-machine", "virt", "-cpu", "cortex-a57", *SEMIHOSTING),
        "aarch64.ld", "tests/kernels/hello-aarch64", "a PL011 at 0x09000000", "semihosting, SYS_EXIT",
        unset=range(0x800), arch="aarch64", places=(range(0x40000000, END),),
    ),
)  # fmt: skip


# Which emulator runs a kernel, by the first word of its target.
EMULATORS = {word: board.qemu for board in BOARDS for word in board.words}
OTHER_EMULATORS = tuple(dict.fromkeys(board.qemu for board in BOARDS if not board.is_pc))  # than the PC's


def board_named(name: str) -> Board:
    """Returns the board of that name."""
    return next(board for board in BOARDS if board.name == name)


def find_board(llvm_target: str, arch: str = "") -> Board | None:
    """Returns the board that runs code for llvm_target (a triple), or else for arch; None where there is none."""
    word = llvm_target.partition("-")[0]
    by_word = (board for board in BOARDS if word in board.words)
    by_arch = (board for board in BOARDS if arch and arch == board.arch)
    return next(by_word, None) or next(by_arch, None)


def board_of(target: Target) -> Board | None:
    """Returns the board for a target of a bare machine; raises where its specification cannot be read."""
    if target.spec is None:
        from bootwright.rust.library import is_bare

        return find_board(target.name) if is_bare(target.name) else None
    from bootwright.rust.migrate import read_spec, read_spec_text

    spec = read_spec(read_spec_text(target.spec), target.spec)
    return find_board(spec["llvm-target"], spec["arch"])


def no_machine(target: str) -> str:
    """Returns the sentence on a target that no board here runs."""
    known = ", ".join(f"{board.asked_by} ({board.name})" for board in BOARDS)
    return f"there is no machine for {target}; there is one for {known}"
