"""ViTPose and ViTPose++ (Xu et al. 2022): top-down, COCO-17, through transformers. Apache-2.0.

The network is that of Hugging Face's transformers with the weights of usyd-community's checkpoints;
pre- and post-processing are our own. A joint is the highest point of its heatmap, refined by a
Taylor expansion of the heatmap's logarithm (DARK, Zhang et al. 2020) in the unbiased coordinates of
its training (UDP, Huang et al. 2020), in which the centres of the corner pixels of heatmap and crop
coincide.
"""

from collections.abc import Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...detections.people import with_people
from ...errors import ModelError
from ...models.model import Model
from ...models.tensors import read_tensors
from ...runtime.network import Network
from ...runtime.tensor_spec import BATCH, TensorSpec, image_input
from ..family import PoseFamily, TopDown
from ..skeletons import COCO_17

HEIGHT, WIDTH = 256, 192
_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)
_SIGMA = 0.8  # px, of the blur before the logarithm, as in transformers
_REACH = 5  # px, radius of its kernel
_COCO = 0  # number of the expert for COCO in a ViTPose++

# For each checkpoint: width, layers, heads, experts, width of an expert, single-layer decoder.
_SIZES = {
    "vitpose_base_simple": (768, 12, 12, 1, 0, True),
    "vitpose_base": (768, 12, 12, 1, 0, False),
    "vitpose_plus_small": (384, 12, 12, 6, 96, False),
    "vitpose_plus_base": (768, 12, 12, 6, 192, False),
    "vitpose_plus_large": (1024, 24, 16, 6, 256, False),
    "vitpose_plus_huge": (1280, 32, 16, 6, 320, False),
}


class _ViTPose(nn.Module):
    """images [N,3,256,192] RGB 0..1 -> heatmaps [N,17,64,48]."""

    mean: Tensor
    std: Tensor

    def __init__(self, size: str):
        super().__init__()
        import transformers

        library: Any = transformers
        width, layers, heads, experts, expert_width, simple = _SIZES[size]
        backbone = library.VitPoseBackboneConfig(
            hidden_size=width,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            num_experts=experts,
            part_features=expert_width,
            out_indices=[layers],
        )
        config = library.VitPoseConfig(
            backbone_config=backbone, num_labels=len(COCO_17), use_simple_decoder=simple
        )
        self.network = library.VitPoseForPoseEstimation(config)
        self.experts = experts
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(_STD).view(1, 3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        images = (images - self.mean) / self.std
        expert = None
        if self.experts > 1:
            expert = torch.full((images.shape[0],), _COCO, dtype=torch.long, device=images.device)
        return {"heatmaps": self.network(images, dataset_index=expert).heatmaps}


def load(size: str, path: Path) -> nn.Module:
    """Return the network with the weights of a safetensors file.

    Raises `ModelError` if transformers is not installed, and for weights of another network.
    """
    if find_spec("transformers") is None:
        raise ModelError(
            f"{size} needs transformers, which is not installed; run: pip install transformers"
        )
    module = _ViTPose(size)
    try:
        module.network.load_state_dict(read_tensors(path))
    except RuntimeError as error:
        raise ModelError(f"{path}: not the weights of {size}: {error}") from error
    return module.eval()


def network(model: Model) -> Network:
    """Return the network of a checkpoint, whose family names its size."""
    size = model.entry.family
    return Network(
        name=size,
        load=partial(load, size),
        inputs=(image_input(HEIGHT, WIDTH, example=with_people),),
        outputs=(TensorSpec("heatmaps", "float", (BATCH, len(COCO_17), HEIGHT // 4, WIDTH // 4)),),
        stride=16,
        sizes=(HEIGHT, HEIGHT),
        pixel_bytes=64,
        size_name="detection size",
    )


def decode(outputs: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Return keypoints [N,17,2] in pixels of the crop, and confidence [N,17].

    The confidence of a joint is the height of its heatmap's peak.
    """
    heat = outputs["heatmaps"].float()
    high, wide = heat.shape[2:]
    height, at = heat.flatten(2).max(2)
    y, x = at // wide, at % wide

    # the neighbourhood of the peak in the logarithm of the blurred heatmap, edges repeated
    log = F.pad(_blurred(heat).clamp(1e-3, 50).log(), (1, 1, 1, 1), mode="replicate")
    log = log.flatten(2)

    def near(dy: int, dx: int) -> Tensor:
        place = (y + 1 + dy) * (wide + 2) + x + 1 + dx
        return log.gather(2, place[..., None])[..., 0]

    middle, left, right, up, down = near(0, 0), near(0, -1), near(0, 1), near(-1, 0), near(1, 0)
    slope = torch.stack([right - left, down - up], -1) / 2
    xx, yy = right - 2 * middle + left, down - 2 * middle + up
    # the mixed second difference along the diagonal, as published
    xy = (near(1, 1) - right - down + 2 * middle - left - up + near(-1, -1)) / 2
    tiny = torch.finfo(torch.float32).eps
    xx, yy = xx + tiny, yy + tiny
    determinant = xx * yy - xy * xy
    shift = torch.stack(
        [
            (yy * slope[..., 0] - xy * slope[..., 1]) / determinant,
            (xx * slope[..., 1] - xy * slope[..., 0]) / determinant,
        ],
        -1,
    )
    refined = torch.stack([x, y], -1) - shift
    # The centres of the corner pixels coincide; our origin is the corner of the first pixel.
    ratio = refined.new_tensor([(WIDTH - 1) / (wide - 1), (HEIGHT - 1) / (high - 1)])
    return refined * ratio + 0.5, height.clamp(0, 1)


def _blurred(heat: Tensor) -> Tensor:
    """Return each heatmap blurred by a Gaussian, mirrored at the edges."""
    reach = torch.arange(-_REACH, _REACH + 1, device=heat.device, dtype=heat.dtype)
    kernel = torch.exp(-(reach**2) / (2 * _SIGMA**2))
    kernel = kernel / kernel.sum()
    maps = heat.flatten(0, 1)[:, None]
    # SciPy's "reflect" repeats the edge pixel, which F.pad cannot do
    maps = torch.cat([maps[..., :_REACH].flip(-1), maps, maps[..., -_REACH:].flip(-1)], -1)
    maps = F.conv2d(maps, kernel.view(1, 1, 1, -1))
    maps = torch.cat([maps[..., :_REACH, :].flip(-2), maps, maps[..., -_REACH:, :].flip(-2)], -2)
    return F.conv2d(maps, kernel.view(1, 1, -1, 1)).view_as(heat)


FAMILIES = tuple(
    PoseFamily(
        name=size,
        network=network,
        suffixes=(".safetensors",),
        recommended_size=HEIGHT,
        order=60,
        head=TopDown(skeleton=COCO_17, decode=decode),
    )
    for size in _SIZES
)
