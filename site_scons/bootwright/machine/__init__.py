"""A machine in QEMU: its arguments, boards, and what it says."""
