"""Which emulator runs a kernel, by the first word of its target. sconsw reads this at each start: data alone."""

EMULATORS = {
    "x86_64": "qemu-system-x86_64",
    "thumbv7em": "qemu-system-arm",
    "thumbv7m": "qemu-system-arm",
    "riscv64gc": "qemu-system-riscv64",
    "riscv64imac": "qemu-system-riscv64",
    "riscv64": "qemu-system-riscv64",
    "aarch64": "qemu-system-aarch64",
    "arm64": "qemu-system-aarch64",
}
