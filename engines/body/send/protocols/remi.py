"""REMI's relay: one person's SMPL pose in a frame of bytes over TCP.

"SMPL", the length and the CRC-32 of the payload (both 32 bits, big-endian), and the payload:
poses_body (1,69), poses_root (1,3), betas (1,10) and trans (1,3), rotation vectors in rad and
metres, as a JSON object of nested lists, or on demand as the pickle of float32 arrays that REMI
itself sends. y is up. trans is 0.8 m higher than the pelvis is above the camera's axis, and without
depth, as REMI has it. Where nobody is there, all is 0: a T-pose.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..protocol import Frame, Options, Protocol, Session

if TYPE_CHECKING:
    from ...rig import Rig

_LIFT = 0.8  # m
_SIZES = {"poses_body": 69, "poses_root": 3, "betas": 10, "trans": 3}


class _Remi(Session):
    def __init__(self, rig: Rig, options: Options) -> None:
        from ...smpl.convert import check_converts
        from ..follow import Follow

        check_converts(rig)
        self._rig, self._pickle = rig, options.pickle
        self._follow = Follow(options.track)

    def encode(self, frame: Frame) -> Iterable[bytes]:
        import numpy as np

        from ..pickled import as_pickle

        payload = self._values(frame)
        if self._pickle:
            data = as_pickle({k: np.array(v, np.float32) for k, v in payload.items()})
        else:
            data = json.dumps(payload, allow_nan=False, separators=(",", ":")).encode()
        yield b"SMPL" + struct.pack(">II", len(data), zlib.crc32(data)) + data

    def _values(self, frame: Frame) -> dict[str, list[list[float]]]:
        from ....geometry.rotations import turn_of
        from ...smpl.convert import as_smpl
        from ...smpl.read import JOINTS

        values = {name: [[0.0] * size] for name, size in _SIZES.items()}
        place = self._follow.place(frame.bodies)
        if place is None:
            return values
        turns = as_smpl(self._rig, frame.bodies.rotation[0, place][None].double())[0]
        vectors = turn_of(turns)
        x, y, _ = frame.bodies.translation[0, place].tolist()
        values["poses_root"] = [vectors[0].tolist()]
        values["poses_body"] = [vectors[1:].flatten().tolist()]
        values["trans"] = [[x, y + _LIFT, 0.0]]
        if self._rig.joints == JOINTS:
            known = frame.bodies.shape[0, place, : _SIZES["betas"]].tolist()
            values["betas"] = [[*known, *[0.0] * (_SIZES["betas"] - len(known))]]
        return values


PROTOCOL = Protocol("remi", 9999, "tcp", _Remi, order=20)
