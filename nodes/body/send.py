"""Send Bodies: bodies to another program while it runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...engines.body.send import PROTOCOLS
from ...engines.words import counted
from .. import advanced
from ..api import host, io
from ..search import found_by
from ..show import Shown
from ..streaming import Rule, Sink, Values
from ..widgets import bodies_input, rate_input
from . import CATEGORY
from .rigs import rig_of

if TYPE_CHECKING:
    from ...engines.body.bodies import Bodies
    from ...engines.body.send.clip import ClipSender

_PACES = ("real time", "as taken")


class _Sending:
    """A connection to a receiver, and what it says; used on one thread."""

    def __init__(self, bodies: Bodies, values: Values, first: int = 0) -> None:
        from ...engines.body.send.clip import ClipSender
        from ...engines.body.send.protocol import Options

        self._said: list[str] = []  # by the sender's thread
        self._sender: ClipSender = ClipSender(
            values["protocol"],
            values["address"],
            rig_of(bodies),
            values["fps"],
            self._said.append,
            Options(pickle=values["pickle"]),
            real_time=values["pace"] == _PACES[0],
            first=first,
        )
        self._to = f"{values['protocol']} {values['address'].strip()}".strip()

    def send(self, bodies: Bodies, go_on: Callable[[int], object]) -> None:
        """Send the frames that follow."""
        self._sender.send(bodies, go_on)

    def warnings(self) -> list[str]:
        """Return what the receiver was or did, since the last call."""
        said = [self._said.pop(0) for _ in range(len(self._said))]  # more may come meanwhile
        return [line for line in said if not line.endswith(": sending")]

    def close(self) -> str:
        """End the connection, and return in words what was sent."""
        counts = self._sender.close()
        return f"{self._to}: {counted(counts.sent, 'frame')} sent, {counts.dropped} dropped"


class _Receiver(Sink):
    """Sends chunk by chunk, each frame with its number in the clip.

    What a run that was interrupted had sent is not in its journal: when it is resumed, it sends the
    frames since the journal was written once more, with the numbers that they had.
    """

    _sending: _Sending | None = None

    def write(self, values: Values) -> None:
        bodies: Bodies = values["bodies"]
        if self._sending is None and len(bodies):
            self._sending = _Sending(bodies, values, self.frame_count)
        if self._sending is not None:
            self._sending.send(bodies, lambda frames: host.go_on())
            for warning in self._sending.warnings():
                host.warn(warning)
        self.frame_count += len(bodies)

    def finish(self) -> tuple[()]:
        if self._sending is not None:
            self.text = self._sending.close()
            for warning in self._sending.warnings():
                host.warn(warning)
            self._sending = None
        return ()

    def close(self) -> None:
        if self._sending is not None:
            self._sending.close()
            self._sending = None


class SendBodies(io.ComfyNode):
    STREAMING = Rule("sink", ("bodies",), sends=_Receiver)
    ORDER = 780

    @classmethod
    def define_schema(cls) -> io.Schema:
        ports = ", ".join(f"{p.name} {p.port}" for p in PROTOCOLS.values())
        return io.Schema(
            node_id="KinographSendBodies",
            display_name="Send Bodies",
            category=CATEGORY,
            **found_by(
                "stream bodies, live motion capture, vmc, osc, vtuber, avatar, aitviewer, remi, "
                "socket, network"
            ),
            description="Sends bodies to another program: an avatar program by VMC, aitviewer, "
            "REMI, or a program of your own by JSON lines. A receiver that is slow or gone never "
            "stops the run; what it misses is counted.",
            is_output_node=True,
            inputs=[
                bodies_input(),
                io.Combo.Input(
                    "protocol",
                    options=list(PROTOCOLS),
                    default="vmc",
                    tooltip="vmc: Virtual Motion Capture over UDP, one person, for avatar programs "
                    "such as VSeeFace, Warudo, Unity and Blender add-ons. aitviewer: everybody's "
                    "mesh, for aitviewer's remote window, which you start yourself. remi: REMI's "
                    "relay over TCP, one person. json: one line per frame over TCP, everything.",
                ),
                io.String.Input(
                    "address",
                    default="",
                    tooltip="HOST:PORT of the receiver. What is left out is this machine and the "
                    f"protocol's own port: {ports}.",
                ),
                rate_input(),
                io.Combo.Input(
                    "pace",
                    options=list(_PACES),
                    default=_PACES[0],
                    tooltip="real time: each frame at its time in the clip, so that avatars move "
                    "as fast as the people did; the run takes at least as long as the clip. as "
                    "taken: as fast as the receiver takes frames, to record or process them.",
                ),
                advanced.Boolean.Input(
                    "pickle",
                    default=False,
                    tooltip="remi only: send pickles, which REMI's own viewer reads, instead of "
                    "JSON. A program that reads pickles runs what is in them: keep its port to "
                    "yourself.",
                ),
            ],
            outputs=[],
        )

    @classmethod
    def fingerprint_inputs(cls, **values: Any) -> float:
        return time.time()  # whoever runs the graph again wants it sent again

    @classmethod
    def execute(
        cls, bodies: Bodies, protocol: str, address: str, fps: float, pace: str, pickle: bool
    ) -> io.NodeOutput:
        if not len(bodies):
            return io.NodeOutput(ui=Shown("no frames to send"))
        values = {"protocol": protocol, "address": address, "fps": fps, "pace": pace}
        sending = _Sending(bodies, {**values, "pickle": pickle})
        try:
            sending.send(bodies, host.progress(len(bodies)))
        finally:
            text = sending.close()
        return io.NodeOutput(ui=Shown(text, warnings=sending.warnings()))
