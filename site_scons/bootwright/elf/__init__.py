"""What an ELF tells: checks, symbols, lines, sizes."""
