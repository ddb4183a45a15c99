"""When a guest that runs on is worth a look: its processor has been at the same few places for a while."""

from __future__ import annotations

from collections import deque

LOOKS = 15
# `loop {}` is one place, a loop around spin_loop() in code that is not optimised about four.
PLACES = 6


class Standstill:
    """Takes the program counters of a processor, one for each look; what was looked at once is not asked for again."""

    def __init__(self) -> None:
        self._last: deque[int] = deque(maxlen=LOOKS)
        self._known: set[int] = set()

    def is_new(self, program_counter: int) -> bool:
        """Takes one more, and tells whether the processor has come to stand where it was not seen to stand before."""
        self._last.append(program_counter)
        places = set(self._last)
        if len(self._last) < LOOKS or len(places) > PLACES or places <= self._known:
            return False
        self._known |= places
        return True
