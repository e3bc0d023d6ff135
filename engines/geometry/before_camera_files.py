"""Values in front of a camera as safetensors files, such as heads and bodies.

The tensors have the names of the value's fields, and `camera` [F,4] holds fx, fy, cx and cy of
every frame in px. The metadata holds format, version, canvas ("464x832": height, width), and the
camera's picture, axes and near plane.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from torch import Tensor

from ..errors import InputError
from ..padded_files import PaddedFile, Parts, Size
from .before_camera import BeforeCamera
from .camera_rows import about_camera, camera_rows, described_camera

Some = TypeVar("Some", bound=BeforeCamera)

_WHOLE = ("track_ids", "count")


def before_camera_file(
    kind: Callable[..., Some],
    cat: Callable[[Sequence[Some]], Some],
    noun: str,
    tensors: Sequence[str],
    texts: Sequence[str] = (),
) -> PaddedFile[Some]:
    """Return the format of files of values of one type.

    kind:    the class, which makes a value of its fields
    cat:     joins successive values
    noun:    what they are, in the plural
    tensors: names of those of floating-point numbers, without the camera
    texts:   names of fields that stand in the metadata
    """

    def take(value: Some) -> Parts:
        parts = {name: getattr(value, name) for name in (*tensors, *_WHOLE)}
        about = {name: getattr(value, name) for name in texts}
        rows = camera_rows(value.camera, len(value))
        return {**parts, "camera": rows}, {**about_camera(value.camera), **about}

    def make(parts: Mapping[str, Tensor], about: Mapping[str, str], canvas: Size) -> Some:
        given = dict(parts)
        camera = described_camera(given.pop("camera"), about)
        named = {name: about.get(name, "") for name in texts}
        return kind(**given, canvas=canvas, camera=camera, **named)

    names = (*tensors, "camera")
    return PaddedFile(noun, f"kinograph.{noun}", "1", names, _WHOLE, take, make, cat)


def check_in_front(
    value: BeforeCamera,
    path: Path,
    *,
    one: str,
    turned: Tensor,
    translation: Tensor,
    expected: str,
) -> None:
    """Raise `InputError`, which names the first place, for rotations that are none, values that are
    not in front of the camera and scores outside 0..1.

    one:         what stands in a place
    turned:      [F,P] bool, which have the rotations that are `expected`
    translation: [F,P,3]
    """
    for wrong, right in (
        (~turned, f"rotation: expected {expected}, found another"),
        (translation[..., 2] >= 0, "translation: expected z < 0, in front of the camera"),
        ((value.scores < 0) | (value.scores > 1), "score: expected 0..1"),
    ):
        at = (wrong & value.present).nonzero()
        if len(at):
            frame, place = at[0].tolist()
            raise InputError(f"{path}: frame {frame}, {one} {place}: {right}")
