"""Clips are sent whole and in time, and never wait for somebody who is not there."""

import json
import time

import pytest

from kinograph.engines.body.rig import mannequin
from kinograph.engines.body.send import clip
from kinograph.engines.body.send.clip import ClipSender
from made_bodies import moving
from receivers import TcpReceiver, eventually, free_port

BODIES = moving(frames=40)


def sender(port: int, fps: float, *, real_time: bool, first: int = 0) -> ClipSender:
    return ClipSender(
        "json", f":{port}", mannequin(), fps, lambda text: None, real_time=real_time, first=first
    )


def test_a_clip_as_fast_as_it_is_taken_loses_nothing() -> None:
    with TcpReceiver() as receiver:
        to = sender(receiver.port, 25, real_time=False, first=100)
        seen: list[int] = []
        to.send(BODIES, seen.append)
        counts = to.close()
        assert (counts.sent, counts.dropped, to.frames, sum(seen)) == (40, 0, 40, 40)
        eventually(lambda: receiver.data.count(b"\n") == 41)
        lines = [json.loads(line) for line in receiver.data.splitlines()[1:]]
        assert [line["frame"] for line in lines] == list(range(100, 140))
        assert lines[0]["time"] == 4.0


def test_a_clip_in_real_time() -> None:
    with TcpReceiver() as receiver:
        to = sender(receiver.port, 20, real_time=True)
        start = time.monotonic()
        for part in (0, 5):  # chunks follow in the same time
            to.send(BODIES.slice(part, part + 5))
        assert 0.45 <= time.monotonic() - start < 2
        assert to.close().sent == 10


def test_cancelling_ends_the_waiting() -> None:
    class CancelledError(Exception):
        pass

    def go_on(frames: int) -> None:
        if not frames:
            raise CancelledError

    with TcpReceiver() as receiver:
        to = sender(receiver.port, 0.1, real_time=True)
        start = time.monotonic()
        with pytest.raises(CancelledError):
            to.send(BODIES, go_on)
        to.close()
        assert time.monotonic() - start < 2


def test_nobody_is_waited_for() -> None:
    to = sender(free_port(), 1.0, real_time=True)
    start = time.monotonic()
    to.send(BODIES)
    assert time.monotonic() - start < 1
    counts = to.close()
    assert (counts.sent, counts.dropped) == (0, 40)


def test_who_takes_nothing_is_waited_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clip, "_PATIENCE", 0.3)
    with TcpReceiver(reads=False) as receiver:
        to = sender(receiver.port, 25, real_time=False)
        start = time.monotonic()
        for _ in range(40):
            to.send(BODIES)
            if to._sender.counts.dropped > 80:
                break
        assert to._sender.counts.dropped > 80
        assert len(to._sender._link._waiting) <= 4
        assert time.monotonic() - start < 15
        to.close()
