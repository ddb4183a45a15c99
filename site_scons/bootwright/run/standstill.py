"""When a guest that runs on is worth a look: its processor has been at the same few places for a while."""

from __future__ import annotations

from collections import deque

LOOKS = 15
FEW_LOOKS = 5  # after which a panic, from which nothing comes back, is worth a look
# `loop {}` is one place, a loop around spin_loop() in code that is not optimised about four.
PLACES = 6


class Standstill:
    """Takes the program counters of a processor, one for each look; what was looked at once is not asked for again.

    looks is how many times it must be seen at the same few places.
    """

    def __init__(self, looks: int = LOOKS) -> None:
        self._looks = looks
        self._last: deque[int] = deque(maxlen=looks)
        self._known: set[int] = set()

    def is_new(self, program_counter: int) -> bool:
        """Takes one more, and tells whether the processor has come to stand where it was not seen to stand before."""
        self._last.append(program_counter)
        places = set(self._last)
        if len(self._last) < self._looks or len(places) > PLACES or places <= self._known:
            return False
        self._known |= places
        return True
