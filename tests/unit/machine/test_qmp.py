"""The client of the machine protocol, against a server that is a socket in this process."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import pytest

from bootwright.machine.qmp import QemuGone, QmpClient, QmpError

Pair = tuple[QmpClient, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield QmpClient(ours), theirs


def send(server: socket.socket, *messages: object) -> None:
    server.sendall(b"".join(json.dumps(message).encode() + b"\r\n" for message in messages))


def test_the_handshake_reads_the_version_and_ends_the_negotiation(pair: Pair) -> None:
    client, server = pair
    send(server, {"QMP": {"version": {"qemu": {"major": 9, "minor": 2, "micro": 1}}}}, {"return": {}})
    client.handshake(1)
    assert client.version == (9, 2, 1)
    assert json.loads(server.recv(1000)) == {"execute": "qmp_capabilities", "arguments": {}, "id": 1}


def test_the_answer_to_a_question_that_nobody_waited_for_is_not_taken_for_that_to_the_next(pair: Pair) -> None:
    client, server = pair
    with pytest.raises(QemuGone, match="no answer"):
        client.execute("query-status", timeout=0.1)  # as when Ctrl-C comes meanwhile
    send(server, {"return": "late", "id": 1}, {"return": "right", "id": 2})
    assert client.execute("query-name") == "right"


def test_events_that_come_before_an_answer_wait_in_their_order(pair: Pair) -> None:
    client, server = pair
    send(server, {"event": "STOP"}, {"event": "SHUTDOWN", "data": {"guest": True}}, {"return": {"a": 1}})
    assert client.execute("query-status") == {"a": 1}
    assert list(client.events) == [("STOP", {}), ("SHUTDOWN", {"guest": True})]


def test_a_message_may_come_in_pieces(pair: Pair) -> None:
    client, server = pair
    server.sendall(b'{"event": "RE')
    client.receive(0)
    server.sendall(b'SUME"}\n{"ev')
    client.receive(0)
    assert list(client.events) == [("RESUME", {})]


def test_a_refusal_is_an_error_with_qemus_words(pair: Pair) -> None:
    client, server = pair
    send(server, {"error": {"class": "GenericError", "desc": "no such file"}})
    with pytest.raises(QmpError, match="no such file"):
        client.execute("screendump")


def test_an_end_of_file_and_silence_both_mean_that_qemu_is_gone(pair: Pair) -> None:
    client, server = pair
    with pytest.raises(QemuGone, match=r"no answer in 0\.2 s"):
        client.execute("query-status", timeout=0.2)
    server.close()
    with pytest.raises(QemuGone):
        client.execute("query-status")


def test_the_human_monitors_text_comes_without_carriage_returns(pair: Pair) -> None:
    client, server = pair
    send(server, {"return": "CPU#0\r\nRIP=0\r\n"})
    assert client.monitor("info registers") == "CPU#0\nRIP=0\n"
    assert json.loads(server.recv(1000))["arguments"] == {"command-line": "info registers"}
