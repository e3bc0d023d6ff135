"""Poses as one safetensors file: every tensor as it is, nothing rounded, nothing left out.

The tensors have the names of the fields of `Poses`; the metadata holds format, version, canvas
("464x832": height, width) and skeleton.
"""

from collections.abc import Mapping

from torch import Tensor

from ...padded_files import PaddedFile, Parts, Size
from ..poses import Poses

_TENSORS, _WHOLE = ("keypoints", "confidence", "boxes", "scores"), ("track_ids", "count")


def _take(poses: Poses) -> Parts:
    tensors = {name: getattr(poses, name) for name in (*_TENSORS, *_WHOLE)}
    return tensors, {"skeleton": poses.skeleton}


def _make(tensors: Mapping[str, Tensor], about: Mapping[str, str], canvas: Size) -> Poses:
    return Poses(**tensors, canvas=canvas, skeleton=about.get("skeleton", ""))


SAFETENSORS: PaddedFile[Poses] = PaddedFile(
    "poses", "kinograph.poses", "1", _TENSORS, _WHOLE, _take, _make, Poses.cat
)
