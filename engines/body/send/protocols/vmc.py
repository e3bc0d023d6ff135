"""Virtual Motion Capture (protocol.vmc.info): OSC over UDP, for avatar programs.

One person, as rotations of Unity's humanoid bones relative to a T-pose, and where they lie relative
to their parents, in Unity's axes: x to the right, y up, z forward, left-handed. An avatar stands
where the person was when the connection began.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from ..protocol import Frame, Options, Protocol, Session

if TYPE_CHECKING:
    from torch import Tensor

    from ...rig import Rig

# Unity's bones for SMPL's joints 0 to 21, in their order.
_BONES = (
    *("Hips", "LeftUpperLeg", "RightUpperLeg", "Spine", "LeftLowerLeg", "RightLowerLeg", "Chest"),
    *("LeftFoot", "RightFoot", "UpperChest", "LeftToes", "RightToes", "Neck", "LeftShoulder"),
    *("RightShoulder", "Head", "LeftUpperArm", "RightUpperArm", "LeftLowerArm", "RightLowerArm"),
    *("LeftHand", "RightHand"),
)
_NOWHERE = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0)  # a place, and no turn


class _Vmc(Session):
    def __init__(self, rig: Rig, options: Options) -> None:
        from ...smpl.convert import check_converts
        from ..follow import Follow

        check_converts(rig)
        self._rig = rig
        self._follow = Follow(options.track)
        self._start: Tensor | None = None  # where the person was first
        self._first: float | None = None  # s, the time of the first frame

    def encode(self, frame: Frame) -> Iterable[bytes]:
        from ..osc import bundles

        return bundles(self._messages(frame))

    def _messages(self, frame: Frame) -> Iterator[bytes]:
        from ....geometry.rotations import to_quaternions
        from ...smpl.convert import as_smpl, smpl_offsets
        from ..osc import message

        place = self._follow.place(frame.bodies)
        if self._first is None:
            self._first = frame.time
        yield message("/VMC/Ext/OK", int(place is not None))
        yield message("/VMC/Ext/T", float(frame.time - self._first))
        if place is None:
            return
        moved = frame.bodies.translation[0, place]
        if self._start is None:
            self._start = moved
        turns = to_quaternions(as_smpl(self._rig, frame.bodies.rotation[0, place][None])[0])
        shape = frame.bodies.shape[0, place]
        at = smpl_offsets(self._rig, shape)
        at[0] = at[0] + moved - self._start
        yield message("/VMC/Ext/Root/Pos", "root", *_NOWHERE)
        for bone, (x, y, z), (w, i, j, k) in zip(
            _BONES, at.tolist(), turns[: len(_BONES)].tolist(), strict=True
        ):
            # Mirrored in x, from right-handed to left-handed axes.
            yield message("/VMC/Ext/Bone/Pos", bone, -x, y, z, i, -j, -k, w)


PROTOCOL = Protocol("vmc", 39539, "udp", _Vmc, order=30)
