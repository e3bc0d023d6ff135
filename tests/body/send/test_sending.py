"""Receivers that are slow, gone, come back or send garbage never hold up who sends."""

import contextlib
import json
import math
import pickle
import random
import re
import socket
import struct
import threading
import time
from dataclasses import replace
from typing import Any

import pytest
import torch

from kinograph.engines.body.bodies import Bodies
from kinograph.engines.body.rig import mannequin
from kinograph.engines.body.send.address import Address
from kinograph.engines.body.send.protocol import Options
from kinograph.engines.body.send.sender import Sender
from kinograph.engines.body.send.websocket import WebSocket
from kinograph.engines.errors import InputError
from made_bodies import moving
from receivers import TcpReceiver, eventually, free_port, udp_receiver, websocket_receiver


class Talk:
    """A sender, and what it has said."""

    def __init__(self, protocol: str, port: int, **options: Any) -> None:
        self.said: list[str] = []
        self.bodies = moving(frames=4)
        self._at = 0
        self.sender = Sender(
            protocol, f":{port}", mannequin(), self.said.append, Options(**options)
        )

    def send(self, frames: int = 1, *, wait: float = 0.0) -> None:
        """Send frames one by one, each without waiting for anything."""
        for _ in range(frames):
            at = self._at % 4
            self.sender.send(self.bodies.slice(at, at + 1), [self._at / 25])
            self._at += 1
            time.sleep(wait)

    def __enter__(self) -> "Talk":
        return self

    def __exit__(self, *_: object) -> None:
        self.sender.close(0.2)


def test_frames_arrive_whole_and_in_order() -> None:
    with TcpReceiver() as receiver, Talk("json", receiver.port) as talk:
        for number in range(20):
            talk.send()
            eventually(lambda n=number: talk.sender.counts.sent > n)
        counts = talk.sender.close()
        eventually(lambda: receiver.data.count(b"\n") == 21)
        lines = [json.loads(line) for line in receiver.data.splitlines()]
        assert [line["frame"] for line in lines[1:]] == list(range(20))
        assert (counts.sent, counts.dropped) == (20, 0)
        assert talk.said == [f"json 127.0.0.1:{receiver.port}: sending"]


def test_what_waits_is_sent_at_the_end() -> None:
    with TcpReceiver() as receiver:
        talk = Talk("json", receiver.port)
        eventually(lambda: bool(talk.said))
        talk.send(3)
        assert talk.sender.close().sent == 3


def test_a_receiver_that_is_not_there_and_comes() -> None:
    port = free_port()
    with Talk("remi", port) as talk:
        eventually(lambda: bool(talk.said))
        assert re.fullmatch(
            rf"remi 127\.0\.0\.1:{port}: no receiver \(Connection refused\); frames are dropped "
            "until it is there, start it at this address",
            talk.said[0],
        )
        talk.send(5)
        eventually(lambda: talk.sender.counts.dropped == 5)
        with TcpReceiver(port) as receiver:
            eventually(lambda: len(talk.said) == 2)
            assert talk.said[1] == (
                f"remi 127.0.0.1:{port}: is there again; 5 frames dropped meanwhile"
            )
            talk.send()
            eventually(lambda: receiver.data.startswith(b"SMPL"))


def test_a_receiver_that_goes_and_comes_back() -> None:
    """It gets what begins a connection once more."""
    with TcpReceiver() as receiver, Talk("json", receiver.port) as talk:
        port = receiver.port
        talk.send()
        eventually(lambda: receiver.data.count(b"\n") == 2)
        receiver.__exit__()

        def noticed() -> bool:
            talk.send(wait=0.01)
            return len(talk.said) > 1

        eventually(noticed)
        assert "the receiver is gone (" in talk.said[1]
        assert talk.sender.counts.dropped > 0
        with TcpReceiver(port) as again:
            eventually(lambda: len(talk.said) == 3)
            assert "is there again;" in talk.said[2]
            talk.send()
            eventually(lambda: again.data.count(b"\n") == 2)
            assert json.loads(again.data.splitlines()[0])["format"] == "kinograph.bodies"
        receiver._listening = socket.create_server(("127.0.0.1", 0))  # for its own end


def test_a_receiver_that_reads_nothing_neither_holds_up_nor_grows_the_run() -> None:
    with TcpReceiver(reads=False) as receiver, Talk("json", receiver.port) as talk:
        eventually(lambda: bool(receiver.connections))
        spent = []

        def stuck() -> bool:
            """Return whether frames have come for a while and none was sent."""
            before = talk.sender.counts.sent
            for _ in range(40):
                start = time.perf_counter()
                talk.send()
                spent.append(time.perf_counter() - start)
                time.sleep(0.002)
            return talk.sender.counts.sent == before

        eventually(stuck, 30)
        assert talk.sender.counts.dropped >= 36
        assert len(talk.sender._link._waiting) <= 4
        assert sorted(spent)[len(spent) // 2] < 0.005
        assert "takes frames slower than they come; some are dropped" in talk.said[1]
        assert sum("slower" in text for text in talk.said) == 1


def test_what_a_receiver_sends_is_thrown_away() -> None:
    garbage = pickle.dumps({"a": 1}) + bytes(range(256)) * 4000
    with TcpReceiver(says=garbage) as receiver, Talk("remi", receiver.port) as talk:
        for number in range(5):
            talk.send()
            eventually(lambda n=number: talk.sender.counts.sent > n)
        assert len(talk.said) == 1


def test_vmc_over_udp() -> None:
    with udp_receiver() as (port, found), Talk("vmc", port) as talk:
        talk.send(4, wait=0.02)
        eventually(lambda: sum(b"/VMC/Ext/OK" in data for data in found) == 4)
        assert all(data.startswith(b"#bundle\0") for data in found)
        eventually(lambda: bool(talk.said))
        assert talk.said == [f"vmc 127.0.0.1:{port}: sending"]


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="Windows answers otherwise")
def test_nobody_listens_for_datagrams() -> None:
    port = free_port(socket.SOCK_DGRAM)
    with Talk("vmc", port) as talk:

        def noticed() -> bool:
            talk.send(wait=0.01)
            return bool(talk.said)

        eventually(noticed)
        assert "no receiver (Connection refused)" in talk.said[0]
        with udp_receiver(port) as (_, found):

            def there() -> bool:
                talk.send(wait=0.01)
                return len(talk.said) > 1

            eventually(there)
            assert "is there again;" in talk.said[1]
            assert found


def test_meshes_over_a_websocket() -> None:
    """With pings in between, which a server that gets no answer ends a connection for."""
    with websocket_receiver(ping=True) as (port, found), Talk("aitviewer", port) as talk:
        end = time.monotonic() + 1.0
        while time.monotonic() < end:
            talk.send(wait=0.05)
        eventually(lambda: len(found) > 10)
        assert talk.said == [f"aitviewer 127.0.0.1:{port}: sending"]
        names = [b"aitviewer.remote.message\nMessage" in data for data in found]
        assert all(names)
        assert len(found[0]) > 9000 * 12  # a mesh


def test_a_program_that_speaks_no_websocket() -> None:
    for says in (b"HTTP/1.1 404 Not Found\r\n\r\n", b"\xff" * 20000):
        with TcpReceiver(says=says) as receiver, Talk("aitviewer", receiver.port) as talk:
            eventually(lambda t=talk: bool(t.said))
            assert "no receiver (what listens there speaks no WebSocket" in talk.said[0]


def accepting(frames: bytes) -> tuple[int, threading.Thread]:
    """Return the port of a server that accepts one WebSocket and sends some bytes."""
    import base64
    import hashlib

    server = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        with server:
            one, _ = server.accept()
            with one:
                asked = one.recv(4096).decode()
                key = re.search("Sec-WebSocket-Key: (.*)\r\n", asked)
                assert key
                digest = hashlib.sha1(f"{key[1]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode())
                accept = base64.b64encode(digest.digest()).decode()
                one.sendall(
                    f"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
                    "".encode()
                    + frames
                )
                while one.recv(65536):
                    pass

    thread = threading.Thread(target=run)
    thread.start()
    return server.getsockname()[1], thread


@pytest.mark.parametrize(
    ("frames", "said"),
    [
        (b"\x88\x00", "the receiver closes the connection"),
        (b"\x82\x85abcdefghi", "masks what it sends"),
        (b"\x89\x7e\xff\xff", "sends what is no WebSocket"),
        (b"\x82\x7f" + struct.pack(">Q", 2**62) + b"a" * 100, ""),  # a message without an end
    ],
)
def test_garbage_over_a_websocket(frames: bytes, said: str) -> None:
    port, thread = accepting(frames)
    with Talk("aitviewer", port) as talk:
        eventually(lambda: len(talk.said) > bool(said))
        if said:
            assert said in talk.said[1]
        else:
            talk.send(3, wait=0.05)
            eventually(lambda: talk.sender.counts.sent == 3)
    thread.join(5)
    assert not thread.is_alive()


def test_any_bytes_over_a_websocket() -> None:
    """Are passed over, or end the connection, however they are cut."""
    rng = random.Random(0)
    for _ in range(300):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            connection = WebSocket.__new__(WebSocket)
            connection._socket, connection._unread, connection._skip = ours, b"", 0
            with contextlib.suppress(ConnectionError):
                for _ in range(4):
                    first = bytes([0x80 | rng.choice([0, 1, 2, 8, 9, 10]), rng.randrange(256)])
                    theirs.sendall(first + rng.randbytes(rng.randrange(40)))
                    connection.poll()
            assert len(connection._unread) < 200


def test_bodies_that_are_not_finite_are_left_out() -> None:
    bodies = moving(frames=2)
    bodies.translation[0, 0, 1] = math.nan
    with TcpReceiver() as receiver, Talk("json", receiver.port) as talk:
        eventually(lambda: bool(talk.said))
        talk.sender.send(bodies, [0.0, 0.04])
        eventually(lambda: receiver.data.count(b"\n") == 3)
        lines = [json.loads(line) for line in receiver.data.splitlines()]
        assert [[body["track"] for body in line["bodies"]] for line in lines[1:]] == [[4], [3, 4]]
        assert talk.said[1].startswith("frame 0, body 0: NaN or infinity; such bodies are not sent")


def test_what_cannot_be_sent() -> None:
    with pytest.raises(InputError, match="send: expected one of"):
        Sender("fax", "", mannequin(), print)
    with TcpReceiver() as receiver, Talk("json", receiver.port) as talk:
        other: Bodies = replace(talk.bodies, rig="smpl")
        with pytest.raises(InputError, match="bodies: expected the rig mannequin, found smpl"):
            talk.sender.send(other, [0.0] * 4)
        with pytest.raises(InputError, match="times: expected 4, one per frame, found 1"):
            talk.sender.send(talk.bodies, [0.0])
        with pytest.raises(InputError, match="times: expected finite numbers of seconds"):
            talk.sender.send(talk.bodies, [0.0, 1.0, math.nan, 2.0])


def test_an_error_in_the_thread_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", seen.append)
    with TcpReceiver() as receiver:
        talk = Talk("json", receiver.port)
        broken = replace(talk.bodies, shape=torch.zeros(4, 2, 3))
        talk.sender.send(broken.slice(0, 1), [0.0])
        eventually(lambda: bool(seen))
        eventually(lambda: not talk.sender._link._thread.is_alive())
        with pytest.raises(RuntimeError, match="its thread has ended by the error shown above"):
            talk.send()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "127.0.0.1:9999"),
        ("5000", "127.0.0.1:5000"),
        (":5000", "127.0.0.1:5000"),
        ("studio.local", "studio.local:9999"),
        (" 10.0.0.7:1 ", "10.0.0.7:1"),
        ("[::1]:80", "[::1]:80"),
        ("[fe80::1%eth0]", "[fe80::1%eth0]:9999"),
    ],
)
def test_addresses(text: str, expected: str) -> None:
    assert str(Address.parse(text, 9999)) == expected


@pytest.mark.parametrize(
    "text",
    ["a:b", "host:0", "host:65536", "::1", "http://host:80", "a b", "x" * 70, "a..b:1", "a\0b"],
)
def test_addresses_that_are_none(text: str) -> None:
    with pytest.raises(InputError, match="address: expected HOST:PORT with a port in"):
        Address.parse(text, 9999)
