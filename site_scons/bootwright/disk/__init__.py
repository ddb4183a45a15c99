"""Partition tables, each a module named for its format."""
