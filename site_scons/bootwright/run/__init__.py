"""A machine from its start to its verdict."""
