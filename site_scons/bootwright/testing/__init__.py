"""A kernel's own tests, in machines."""
