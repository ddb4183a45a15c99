"""What a machine needs before it can build, and how it gets that."""
