"""What is kept of a guest that says much: the last of it, and each line by which a test told how it ended."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from bootwright.machine.transcript import Transcript

MARK = "[test] "


def test_what_a_guest_says_is_kept_and_taken_once() -> None:
    transcript = Transcript()
    transcript.listen()
    transcript.add(b"\xff\xfe\xc3")
    transcript.add("ä".encode()[:1])
    transcript.add("ä".encode()[1:])
    assert transcript.take() == b"\xff\xfe\xc3" + "ä".encode()
    assert transcript.take() == b""
    assert (transcript.text, transcript.total) == ("\ufffd\ufffd\ufffdä", 5)


def test_of_a_flood_the_last_is_kept_and_the_rest_counted() -> None:
    transcript = Transcript(limit=1000)
    for number in range(10_000):
        transcript.add(f"line {number}\n".encode())
    note, _, kept = transcript.text.partition("\n")
    assert len(kept) <= 2000 and kept.endswith("line 9998\nline 9999\n") and kept.startswith("line ")
    assert note == f"[{transcript.total - len(kept)} bytes of the guest are not kept here]"


def test_the_lines_by_which_tests_end_outlive_a_flood_between_them() -> None:
    transcript = Transcript(MARK, limit=1000)
    for name in ("one", "two"):
        transcript.add(f"{MARK}start {name}\n".encode())
        for _ in range(100):
            transcript.add(b"x" * 70 + b"\n")
        transcript.add(f"{MARK}ok 12 us\n".encode())
    assert [line for line in transcript.text.splitlines() if line.startswith(MARK)] == [
        "[test] start one", "[test] ok 12 us", "[test] start two", "[test] ok 12 us",
    ]  # fmt: skip


@given(st.lists(st.integers(0, 90), max_size=9))
def test_a_line_that_names_a_test_counts_once_however_it_is_cut(cuts: list[int]) -> None:
    said = b"a::first...\t[ok]\na::first...\tagain\n\x1b[1ma::b::other\x1b[0m...\nb::third ... said\nok\nb::last..."
    transcript = Transcript(MARK)
    for begin, end in itertools.pairwise(sorted({0, *cuts, len(said)})):
        transcript.add(said[begin:end])
    assert transcript.marks == 3  # a test that names itself again gets no more time


@given(st.lists(st.sampled_from([b"[te", b"st] ", b"[test] ", b"x", b"\n", b"[test] " * 30]), max_size=60))
def test_a_mark_is_counted_once_however_it_is_cut(pieces: list[bytes]) -> None:
    transcript = Transcript(MARK, limit=100)
    for piece in pieces:
        transcript.add(piece)
    assert transcript.marks == b"".join(pieces).count(MARK.encode())
