"""bootwright: from the source of a Rust kernel to a machine that runs it. Plain Python; SCons is not imported here."""

__version__ = "0.1.0"
