"""The build directory and the per-user store."""
