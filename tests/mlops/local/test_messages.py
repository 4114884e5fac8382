"""What is said to a spawner arrives whole, or the spawner ends."""

import os

import pytest

from mlops.local.messages import LOST, Messages
from mlops.local.warm import Spawner


@pytest.fixture
def pipe():
    read, write = os.pipe()
    yield read, write
    for handle in (read, write):
        os.close(handle)


@pytest.mark.parametrize("size", [1, 3, 4, 5, 60, 10_000])
def test_messages_are_read_whatever_pieces_they_come_in(pipe, size):
    read, write = pipe
    sent = [{"event": "exited", "id": "é" * 300, "code": -9, "cold": None}, {"event": "started", "pid": 1 << 40, "argv": ["a", ""]}]
    there, back = Messages(write, read), []
    for one in sent:
        there.send(**one)
    data = os.read(read, 1 << 20)
    for at in range(0, len(data), size):
        os.write(write, data[at : at + size])
        back += there.read()
    assert back == sent


def test_a_request_that_was_interrupted_half_way_ends_the_spawner_and_is_no_part_of_the_next(monkeypatch):
    spawner = Spawner()
    writes = os.write

    def torn(handle, data):
        writes(handle, bytes(data)[: len(data) // 2])
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "write", torn)
    with pytest.raises(KeyboardInterrupt):
        spawner.messages.send(op="run", id="x" * 1000)
    monkeypatch.setattr(os, "write", writes)
    spawner.messages.send(op="signal", id="x", signal=15)
    assert spawner.messages.read() == [LOST]
    spawner.close(idle=True)
    assert spawner.process.returncode is not None
