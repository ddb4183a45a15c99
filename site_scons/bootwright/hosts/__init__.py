"""Freestanding programs for a host: the table of hosts and linkers, the checks of what was linked, and its runs."""
