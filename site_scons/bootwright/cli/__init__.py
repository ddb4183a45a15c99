"""The program bootwright: its words, Cargo's runner, a new kernel, an editor's files."""
