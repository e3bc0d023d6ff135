"""Upscalers from users' own ONNX files: one image in, one image out.

Names, types and sizes are read from the graph. What no graph says, its scale and whether its
pixels are in 0..1 or 0..255, is found by running it once on a small picture.
"""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from ...errors import ModelError
from ...models.model import Model
from ...models.once import once
from ...runtime.network import Network
from ...runtime.onnx_graph import InputAdapter, Socket, one_input, read_sockets, refuse
from ...runtime.probe import smooth_noise
from ..family import Traits, UpscaleFamily
from ..network import LEAST, OUTPUT, upscale_network

_WHAT = "upscaling"
_SIDE = 64  # px, of the picture that a graph of any size is tried on
_NEAR = 0.1  # RMS difference of the output to the enlarged input, in parts of white
_RANGES = (1.0, 255.0)
_NUMPY = {"float": np.float32, "float16": np.float16, "uint8": np.uint8}


@dataclass(frozen=True)
class _Facts:
    """What was found of a graph.

    size:  height and width that it takes; None: any
    batch: images that it takes; 0: any number
    white_in, white_out: the value of white in its input and in its output
    """

    taken: Socket
    given: Socket
    size: tuple[int, int] | None
    batch: int
    scale: int
    white_in: float
    white_out: float


def _sockets(path: Path) -> tuple[Socket, Socket]:
    """Return input and output of a graph. Raises `ModelError` for one with others."""
    inputs, outputs = read_sockets(path)
    taken = one_input(inputs, _WHAT, path)
    (given, *more) = outputs or [Socket("", "", ())]
    if more or len(given.shape) != 4 or given.shape[1] not in (3, -1) or given.kind not in _NUMPY:
        refuse(_WHAT, path, "one output, images [N,3,H,W] of float, float16 or uint8", outputs)
    _, _, height, width = taken.shape
    if (height < 0) != (width < 0):
        refuse(_WHAT, path, "height and width both free or both fixed", inputs)
    return taken, given


@once
def _facts(path: Path) -> _Facts:
    taken, given = _sockets(path)
    batch, _, height, width = taken.shape
    size = (height, width) if height > 0 else None
    if find_spec("onnxruntime") is None:
        raise ModelError(
            f"{path.name}: its scale and range are found by running it once, for which onnxruntime "
            "is missing; run: pip install onnxruntime"
        )
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = torch.get_num_threads()
    picture = smooth_noise((max(batch, 1), 3, *(size or (_SIDE, _SIDE)))) * 0.8 + 0.1
    tried = (255.0,) if taken.kind == "uint8" else _RANGES
    answers = {}
    try:
        session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        for white in tried:
            feed = (picture * white).numpy()
            feed = (feed.round() if taken.kind == "uint8" else feed).astype(_NUMPY[taken.kind])
            (found,) = session.run([given.name], {taken.name: feed})
            answers[white] = torch.from_numpy(found.astype(np.float32))
    except Exception as error:  # its exceptions share no narrower base
        reason = " ".join(str(error).split())[:200]
        raise ModelError(f"{path.name}: onnxruntime cannot run it: {reason}") from error
    scale = _scale(path, picture.shape, next(iter(answers.values())).shape)
    wanted = F.interpolate(picture, scale_factor=float(scale), mode="bicubic")
    apart = {
        (white, out): float((answer / out - wanted).square().mean().sqrt())
        for white, answer in answers.items()
        for out in ((255.0,) if given.kind == "uint8" else _RANGES)
    }
    best = min(apart, key=lambda ranges: apart[ranges])
    if not apart[best] < _NEAR:  # NaN, too
        raise ModelError(
            f"{path.name}: expected a network that gives its input at a larger size, with pixels "
            f"in 0..1 or 0..255; found outputs that differ from it by {apart[best]:.2g} of white"
        )
    return _Facts(taken, given, size, max(batch, 0), scale, *best)


def _scale(path: Path, fed: tuple[int, ...], found: tuple[int, ...]) -> int:
    """Return the scale from the shapes of what was fed and what came out."""
    scale = found[2] // fed[2] if len(found) == 4 else 0
    if scale < 1 or tuple(found) != (fed[0], 3, fed[2] * scale, fed[3] * scale):
        raise ModelError(
            f"{path.name}: expected an output of a whole multiple of the input's size, found "
            f"{list(found)} for {list(fed)}"
        )
    return scale


def network(model: Model) -> Network:
    """Return how an upscaler that is an ONNX graph is run.

    Raises `ModelError` for a file that is not ONNX, without onnxruntime, and for a graph whose
    inputs and outputs are not those of an upscaler.
    """
    facts = _facts(model.path)
    adapter = InputAdapter(
        input=facts.taken.name,
        kind=facts.taken.kind,
        outputs={OUTPUT: facts.given.name},
        scale=facts.white_in,
    )
    return upscale_network(
        "upscale_onnx",
        None,
        facts.scale,
        width=256 * max(1, facts.scale**2 // 4),
        least=LEAST,
        size=facts.size,
        output="uint8" if facts.given.kind == "uint8" else "float",
        adapter=adapter,
        batch=facts.batch,
    )


def traits(model: Model) -> Traits:
    """Return the scale and the range that a trial found."""
    facts = _facts(model.path)
    taken = f"0..{facts.white_in:g}"
    given = f"0..{facts.white_out:g}"
    ranges = taken if taken == given else f"{taken} in and {given} out"
    return Traits(
        facts.scale,
        white=facts.white_out,
        note=f"{facts.scale}x with pixels in {ranges}, found by a trial of {facts.taken.name}",
    )


FAMILY = UpscaleFamily(
    name="upscale_onnx",
    network=network,
    traits=traits,
    suffixes=(".onnx",),
    recommended_size=512,
    order=330,
)
