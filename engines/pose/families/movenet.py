"""MoveNet MultiPose Lightning: up to six people with COCO-17 joints, one network pass per frame.

Google, Apache-2.0 (TF-Hub google/movenet/multipose/lightning). A MobileNetV2 of width 1.5 with a
feature pyramid down to stride 4 and six heads, after CenterNet: a heatmap of person centres, the
box and a first guess of the joints regressed at each centre, a heatmap per joint and the offsets
within its cells.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from ...constants import constant
from ...detections.people import with_people
from ...runtime.network import Network
from ...runtime.tensor_spec import BATCH, HEIGHT, WIDTH, TensorSpec, image_input
from .. import kernels
from ..family import OneStage, PoseCandidates, PoseFamily, SizeSearch
from ..skeletons import COCO_17

STRIDE = 32  # both sides of the input are multiples of it
MAX_PEOPLE = 6  # the heads were trained for six; more are not ranked reliably
HEADS = {
    "center": 1,  # probability that a person's centre lies in this cell
    "box_scale": 2,  # height, width of the box, in cells
    "box_offset": 2,  # from the cell to the centre of the box, y, x, in cells
    "kpt_heatmap": 17,  # probability that a joint of anybody lies in this cell
    "kpt_regress": 34,  # from a centre's cell to each of its joints, y, x, in cells
    "kpt_offset": 34,  # from a joint's cell to the joint, y, x, in cells
}

# OKS on the ten annotated frames of the shipped clip (`kinograph eval pose`), by the height of
# people in the input: 0.70 at 73 px, 0.82 at 87 px, 0.92 at 102 px, 0.93 at 117 px, 0.94 at 146 px.
# Below 100 px people are missed; above it, little is gained for the time.
_SIZE = SizeSearch(
    height=102,
    sizes=(256, 320, 384, 448, 512),  # close-ups to long shots
    larger=(640, 768, 896, 1024),
)

# Constants of the published graph.
_INPUT_SCALE = 1.9999695  # 0..1 -> -1..1 (2 - 2**-15)
_PEAK_TOLERANCE = 1.0132789611816406e-06  # a cell within this of its 5x5 maximum is a peak
_SIGMA = 0.300048828125  # spread of a joint around its first guess, relative to the shorter side
_SCORED_ABOVE = 0.126953125  # joints above this count for the person's score


class _ConvRelu6(nn.Sequential):
    """Convolution and ReLU6 with TensorFlow's SAME padding: at the end if the stride is 2."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1):
        super().__init__()
        padding = kernel // 2 if stride == 1 else 0
        if stride == 2:
            self.pad = nn.ZeroPad2d((0, 1, 0, 1))
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups)
        self.relu6 = nn.ReLU6(inplace=True)


class _InvertedResidual(nn.Module):
    """MobileNetV2's block: expand, filter each channel, project; residual if the shapes match."""

    def __init__(self, inputs: int, outputs: int, widened: int, stride: int):
        super().__init__()
        self.residual = stride == 1 and inputs == outputs
        self.expand = _ConvRelu6(inputs, widened, 1) if widened != inputs else nn.Identity()
        self.depthwise = _ConvRelu6(widened, widened, 3, stride, groups=widened)
        self.project = nn.Conv2d(widened, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.project(self.depthwise(self.expand(x)))
        return x + y if self.residual else y


class _Separable(nn.Sequential):
    """Depthwise 3x3 convolution, pointwise convolution, ReLU."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.depthwise = nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False)
        self.pointwise = nn.Conv2d(inputs, outputs, 1)
        self.relu = nn.ReLU(inplace=True)


class _Head(_Separable):
    def __init__(self, outputs: int):
        super().__init__(24, 96)
        self.out = nn.Conv2d(96, outputs, 1)


class MoveNetMultiPose(nn.Module):
    """images [F,3,H,W] RGB in 0..1, H and W multiples of 32 -> the `HEADS`, [F,C,H/4,W/4] each."""

    # channels, blocks, stride of the first block
    _STAGES = (
        (24, 1, 1),
        (40, 2, 2),
        (48, 3, 2),
        (96, 4, 2),
        (144, 3, 1),
        (240, 3, 2),
        (480, 1, 1),
    )
    _SKIPS = (1, 2, 3)  # stages that feed the pyramid: strides 4, 8, 16

    def __init__(self) -> None:
        super().__init__()
        self.stem = _ConvRelu6(3, 48, 3, 2)
        self.stages = nn.ModuleList()
        inputs = 48
        for stage, (channels, blocks, stride) in enumerate(self._STAGES):
            rows = nn.Sequential()
            for block in range(blocks):
                widened = inputs * (1 if stage == 0 else 6)
                rows.append(
                    _InvertedResidual(inputs, channels, widened, stride if block == 0 else 1)
                )
                inputs = channels
            self.stages.append(rows)
        self.head = _ConvRelu6(inputs, 1280, 1)
        self.top = nn.Conv2d(1280, 64, 1)
        self.lateral = nn.ModuleList(
            nn.Conv2d(channels, out, 1)
            for channels, out in zip((96, 48, 40), (64, 32, 24), strict=True)
        )
        self.smooth = nn.ModuleList(_Separable(i, o) for i, o in ((64, 32), (32, 24), (24, 24)))
        self.heads = nn.ModuleDict({name: _Head(channels) for name, channels in HEADS.items()})

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        x = self.stem(images * _INPUT_SCALE - 1)
        skips: list[Tensor] = []
        for stage, rows in enumerate(self.stages):
            x = rows(x)
            if stage in self._SKIPS:
                skips.append(x)
        x = self.top(self.head(x))
        for lateral, smooth, skip in zip(self.lateral, self.smooth, reversed(skips), strict=True):
            x = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
            x = smooth(x + lateral(skip))
        out = {name: head(x) for name, head in self.heads.items()}
        for name in ("center", "kpt_heatmap"):
            out[name] = out[name].sigmoid()
        return out


def decode(heads: Mapping[str, Tensor], *, above: float = 0.0) -> tuple[Tensor, ...]:
    """Return the people of F frames from the six heads, on the heads' device, in float32.

    For P places, sorted by the height of their centre's peak: keypoints [F,P,17,2] x, y and boxes
    [F,P,4] x0, y0, x1, y1 in pixels of the network's input, confidence [F,P,17] and scores [F,P] in
    0..1. Places beyond the last peak have the score 0.

    P is 6. On a CPU it is smaller if no frame has more peaks than that `above` this score: a
    person's score never exceeds the peak.

    As in the published graph, a joint is taken from its heatmap, weighted by the distance to the
    first guess and restricted to the person's box; its confidence is read from the maximum of
    those weighted heatmaps over all six places.
    """
    people = MAX_PEOPLE
    center = heads["center"].float()
    frames, _, height, width = center.shape
    pooled = F.max_pool2d(
        center, (5, 1), stride=1, padding=(2, 0)
    )  # in two steps: 10 cells, not 25
    pooled = F.max_pool2d(pooled, (1, 5), stride=1, padding=(0, 2))
    peaks = torch.where((center - pooled).abs() < _PEAK_TOLERANCE, center, 0.0)
    scores, cell = peaks.flatten(1).topk(people)  # [F,P]
    cy, cx = cell // width, cell % width
    origin = torch.stack([cy, cx], -1).float()  # [F,P,2] y, x

    live = people
    if center.device.type == "cpu":  # on a GPU the synchronisation would cost more than it saves
        live = max(1, int((scores > above).sum(1).max()))

    def at_centres(head: Tensor) -> Tensor:  # [F,C,H,W] -> [F,P,C]
        channels = head.shape[1]
        index = cell[:, None].expand(frames, channels, people)
        return head.float().flatten(2).gather(2, index).transpose(1, 2)

    guess = at_centres(heads["kpt_regress"]).unflatten(2, (17, 2)) + origin[:, :, None]
    centre = origin + at_centres(heads["box_offset"])
    half = at_centres(heads["box_scale"]).clamp(min=0) / 2
    bound = constant((float(height), float(width)), torch.float32, origin.device)
    low = torch.minimum((centre - half).clamp(min=0), bound)
    high = torch.minimum((centre + half).clamp(min=0), bound)

    spread = min(height, width) * _SIGMA
    heatmap, offset = heads["kpt_heatmap"], heads["kpt_offset"]
    if kernels.usable(heatmap):
        bounds = torch.cat([low, high], -1)
        keypoints, confidence = kernels.joints(guess, bounds, heatmap, offset, spread)
    else:
        keypoints, confidence = _joints(guess, low, high, heatmap.float(), offset, spread, live)
    counted = confidence > _SCORED_ABOVE
    scores = scores[:, :live] * (confidence * counted).sum(2) / counted.sum(2).clamp(min=1)
    boxes = torch.cat([low, high], dim=2)[:, :live, [1, 0, 3, 2]]
    cell_px = 4.0  # the heads' stride
    return keypoints * cell_px, confidence, boxes * cell_px, scores


def _joints(
    guess: Tensor,
    low: Tensor,
    high: Tensor,
    heatmap: Tensor,
    offset: Tensor,
    spread: float,
    live: int,
) -> tuple[Tensor, Tensor]:
    """Return keypoints [F,live,17,2] x, y in cells and confidence [F,live,17] of the first places.

    guess:     [F,P,17,2] y, x of the first guesses
    low, high: [F,P,2] y, x of the boxes
    heatmap:   [F,17,H,W], offset: [F,34,H,W]
    """
    people = guess.shape[1]
    height, width = heatmap.shape[2:]

    # The Gaussian and the box are products of a function of y and one of x: 17 (H + W) numbers per
    # person instead of 17 H W.
    def weights(axis: int, size: int) -> Tensor:  # [F,P,17,size]
        grid = torch.arange(size, device=guess.device, dtype=torch.float32)
        inside = (grid >= low[..., axis, None]) & (grid < high[..., axis, None])
        box = inside[:, :, None].float()
        # Beyond the box, where it counts for nothing, the exponent is 0: far from the guess it is
        # so low that exp gives subnormal numbers, which take a CPU many times as long.
        exponent = -((grid - guess[..., axis, None]) ** 2) / spread * box
        return torch.exp(exponent) * box

    wy, wx = weights(0, height), weights(1, width)
    # [F,P,17,H,W]
    weighted = heatmap[:, None] * wy[:, :live, :, :, None] * wx[:, :live, :, None]
    at = weighted.flatten(3).argmax(3)  # [F,P,17]
    ky, kx = at // width, at % width

    def over_cells(head: Tensor) -> Tensor:  # [F,17,H,W] at each person's cells -> [F,P,17]
        return head.float().flatten(2).gather(2, at.transpose(1, 2)).transpose(1, 2)

    # [F,P,6,17]: the weight that each of the six places gives to the cell chosen for place P
    def cross(weight: Tensor, index: Tensor) -> Tensor:
        return (
            weight[:, None]
            .expand(-1, live, -1, -1, -1)
            .gather(4, index[:, :, None, :, None].expand(-1, -1, people, -1, 1))[..., 0]
        )

    confidence = over_cells(heatmap) * (cross(wy, ky) * cross(wx, kx)).amax(2)
    offset = offset.unflatten(1, (17, 2))
    keypoints = torch.stack(
        [kx + over_cells(offset[:, :, 1]), ky + over_cells(offset[:, :, 0])], dim=-1
    )
    return keypoints, confidence


def load(path: Path) -> MoveNetMultiPose:
    """Return the network with the weights of a safetensors file (stored as fp16, used as fp32)."""
    module = MoveNetMultiPose()
    module.load_state_dict({name: value.float() for name, value in load_file(path).items()})
    return module.eval()


NETWORK = Network(
    name="movenet",
    load=load,
    inputs=(image_input(example=with_people),),
    outputs=tuple(
        TensorSpec(name, "float", (BATCH, channels, HEIGHT // 4, WIDTH // 4))
        for name, channels in HEADS.items()
    ),
    stride=STRIDE,
    sizes=(128, 1024),
    pixel_bytes=144,  # 144 float32 channels at half the size in both directions
    size_name="detection size",
)


def _candidates(outputs: Mapping[str, Tensor], frames: int, above: float) -> PoseCandidates:
    keypoints, confidence, boxes, scores = decode(outputs, above=above)
    return PoseCandidates(keypoints=keypoints, confidence=confidence, boxes=boxes, scores=scores)


FAMILY = PoseFamily(
    name="movenet",
    network=lambda model: NETWORK,
    head=OneStage(skeleton=COCO_17, decode=_candidates, most=MAX_PEOPLE, size=_SIZE),
)
