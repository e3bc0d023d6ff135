"""6DRepNet (Hempel et al., ICIP 2022): how a head is turned, from a crop. MIT.

arXiv:2202.12555. A RepVGG (Ding et al., CVPR 2021, arXiv:2101.03697) in its form for inference,
with six numbers as output: the first two columns of a rotation matrix before they are made
orthogonal (Zhou et al., CVPR 2019). Users' own files: weights such as the published
6DRepNet_300W_LP_AFLW2000.pth, whose depth, widths and groups follow from the shapes of its tensors;
or an ONNX file that gives the six numbers or the matrix.

Crops are upright squares of about 20 cm of the face, as in the published training and
demonstration, in RGB with ImageNet's mean and standard deviation.
"""

import re
from collections.abc import Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...errors import ModelError
from ...models.model import Model
from ...models.tensors import fill, read_tensors
from ...runtime.network import Network
from ...runtime.onnx_graph import InputAdapter, one_input, read_sockets, refuse
from ...runtime.tensor_spec import BATCH, TensorSpec, image_input
from ..family import HeadFamily, HeadRotation

SIZE = 224  # px
_TITLE = "6DRepNet"
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_STAGES = 5
_KEY = re.compile(r"layer(\d)\.(?:(\d{1,2})\.)?rbr_reparam\.weight")
_SHAPES = {"six": ((-1, 6),), "matrix": ((-1, 3, 3),)}


class SixDRepNet(nn.Module):
    """images [N,3,224,224] RGB 0..1 -> "six" [N,6], two columns of a rotation matrix.

    stages: the convolutions of each stage: outputs, inputs per group, groups of each. The first of
            every stage halves height and width

    The names of its parameters are those of the published weights.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, stages: list[list[tuple[int, int, int]]]):
        super().__init__()
        for number, blocks in enumerate(stages):
            layer = nn.Sequential(
                *(_Block(*block, stride=1 if place else 2) for place, block in enumerate(blocks))
            )
            # the first stage is a single block, without a number of its own
            self.add_module(f"layer{number}", layer if number else layer[0])
        self.linear_reg = nn.Linear(stages[-1][-1][0], 6)
        for name, values in (("mean", _MEAN), ("std", _STD)):
            self.register_buffer(name, torch.tensor(values).view(1, 3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        x = (images - self.mean) / self.std
        for number in range(_STAGES):
            x = getattr(self, f"layer{number}")(x)
        return {"six": self.linear_reg(x.mean((2, 3)))}


class _Block(nn.Module):
    """A convolution of 3 x 3 with ReLU, which RepVGG's three branches become after training."""

    def __init__(self, out: int, per_group: int, groups: int, *, stride: int):
        super().__init__()
        self.rbr_reparam = nn.Conv2d(per_group * groups, out, 3, stride, 1, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.rbr_reparam(x))


def load(path: Path) -> nn.Module:
    """Return the network of a weights file, of any RepVGG.

    Raises `ModelError` for a file that cannot be read or does not hold the weights of one.
    """
    state = _weights(path)
    module = SixDRepNet(_stages(state, path))
    fill(module, state, path, _TITLE)
    return module.eval()


def _weights(path: Path) -> dict[str, Tensor]:
    state = read_tensors(path)
    return {name.removeprefix("module."): value.float() for name, value in state.items()}


def _stages(state: Mapping[str, Tensor], path: Path) -> list[list[tuple[int, int, int]]]:
    """Return the shapes of the convolutions of each stage, see `SixDRepNet`."""
    shapes = {
        (int(m[1]), int(m[2] or 0)): v.shape for n, v in state.items() if (m := _KEY.match(n))
    }
    stages: list[list[tuple[int, int, int]]] = []
    before = 3
    for number in range(_STAGES):
        blocks: list[tuple[int, int, int]] = []
        while (shape := shapes.get((number, len(blocks)))) is not None:
            out, per_group = shape[:2]
            if len(shape) != 4 or not per_group or before % per_group:
                raise _wrong(path, f"a convolution of {list(shape)} after {before} channels")
            blocks.append((out, per_group, before // per_group))
            before = out
        if not blocks:
            if any("rbr_dense" in name for name in state):
                raise ModelError(
                    f"{path}: the weights of {_TITLE} during training; convert them with the "
                    "project's convert.py, as its published weights are"
                )
            raise _wrong(path, f"no layer{number}.rbr_reparam.weight")
        stages.append(blocks)
    if "linear_reg.weight" not in state or state["linear_reg.weight"].shape[0] != 6:
        raise _wrong(path, "no linear_reg.weight [6,C]")
    return stages


def _wrong(path: Path, found: str) -> ModelError:
    return ModelError(f"{path}: expected the weights of {_TITLE} for inference, found {found}")


def network(model: Model) -> Network:
    """Return the network of a file with weights, or of an ONNX file for images of 224 x 224 px with
    the only output [N,6] or [N,3,3].

    Raises `ModelError`, which says what was expected and found, for another file.
    """
    specs = {
        "six": TensorSpec("six", "float", (BATCH, 6)),
        "matrix": TensorSpec("matrix", "float", (BATCH, 3, 3)),
    }
    if model.path.suffix != ".onnx":
        _stages(_weights(model.path), model.path)  # refuses what does not fit
        output, adapter, batch = "six", None, 0
    else:
        inputs, outputs = read_sockets(model.path)
        image = one_input(inputs, _TITLE, model.path)
        found = [n for n, shapes in _SHAPES.items() if outputs and outputs[0].fits(shapes[0])]
        if len(outputs) != 1 or not found or not image.fits((-1, 3, SIZE, SIZE)):
            expected = f"images of {SIZE}x{SIZE} and one output, [N,6] or [N,3,3]"
            refuse(_TITLE, model.path, expected, [image, *outputs])
        output, batch = found[0], max(image.shape[0], 0)
        adapter = InputAdapter(
            image.name, image.kind, {output: outputs[0].name}, mean=_MEAN, std=_STD
        )
    return Network(
        name="sixdrepnet",
        load=None if adapter else load,
        inputs=(image_input(SIZE, SIZE),),
        outputs=(specs[output],),
        stride=SIZE,
        sizes=(SIZE, SIZE),
        pixel_bytes=128,  # 128 channels at half the size of B1, and what they are made from
        adapter=adapter,
        batch=batch,
    )


def decode(outputs: Mapping[str, Tensor]) -> Tensor:
    """Return rotations [N,3,3] relative to the viewing ray, see `Heads`.

    The matrix is Rz(roll) Ry(yaw) Rx(pitch) in the angles of 300W-LP, whose own rotation is the
    transpose of that, in axes that are those of `Heads`.
    """
    if "matrix" in outputs:
        found = outputs["matrix"].float()
    else:
        first, second = outputs["six"].float().unflatten(1, (2, 3)).unbind(1)
        x = F.normalize(first, dim=-1)
        z = F.normalize(torch.linalg.cross(x, second), dim=-1)
        found = torch.stack([x, torch.linalg.cross(z, x), z], -1)
    return found.mT


FAMILY = HeadFamily(
    name="sixdrepnet",
    network=network,
    suffixes=(".pth", ".safetensors", ".onnx"),
    recommended_size=SIZE,
    order=30,
    head=HeadRotation(size=SIZE, side=20.0, decode=decode),
)
