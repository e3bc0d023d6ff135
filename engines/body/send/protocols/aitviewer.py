"""aitviewer's remote control: meshes over its WebSocket, one node per track.

Its messages are pickles of a dictionary with type, uid, args and kwargs. The viewer reads pickles
from whoever reaches its port, on every network that the machine is on: Kinograph never starts it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..protocol import Frame, Options, Protocol, Session

if TYPE_CHECKING:
    from ...rig import Rig

_MESHES, _DELETE, _UPDATE_FRAMES = 2, 100, 102  # of aitviewer.remote.message.Message


class _Aitviewer(Session):
    def __init__(self, rig: Rig, options: Options) -> None:
        self._rig = rig
        self._nodes: dict[int, int] = {}  # uid by track
        self._next = 1

    def encode(self, frame: Frame) -> Iterable[bytes]:
        from ...skinning import skin

        bodies = frame.bodies
        count = int(bodies.count[0])
        tracks = bodies.track_ids[0, :count].tolist()
        # Several bodies without a track are told apart by their places.
        names = [t if t >= 0 else -1 - place for place, t in enumerate(tracks)]
        for gone in [track for track in self._nodes if track not in names]:
            yield _message(_DELETE, self._nodes.pop(gone), {})
        if not count:
            return
        posed = skin(
            self._rig,
            bodies.rotation[0, :count],
            bodies.translation[0, :count],
            bodies.shape[0, :count],
        )
        for track, vertices in zip(names, posed.vertices.float().numpy(), strict=True):
            if track in self._nodes:
                moved = {"vertices": vertices, "frames": 0}
                yield _message(_UPDATE_FRAMES, self._nodes[track], moved)
                continue
            self._nodes[track] = self._next
            self._next += 1
            faces = self._rig.triangles.int().numpy()
            title = f"body {track}" if track >= 0 else "body"
            made = {"vertices": vertices[None], "faces": faces, "name": title}
            yield _message(_MESHES, self._nodes[track], made)


def _message(kind: int, uid: int, named: dict[str, Any]) -> bytes:
    from ..pickled import Member, as_pickle

    what = Member("aitviewer.remote.message", "Message", kind)
    return as_pickle({"type": what, "uid": uid, "args": (), "kwargs": named})


PROTOCOL = Protocol("aitviewer", 8417, "websocket", _Aitviewer, order=40)
