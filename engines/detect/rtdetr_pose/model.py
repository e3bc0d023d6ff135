"""The whole network."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .backbone import backbone_for
from .config import Config
from .decoder import Decoder
from .encoder import Encoder
from .heads import Boxes, Classes, Intrinsics
from .layers import to_logits

_SIDE = (
    0.05  # part of the picture that a box at stride 8 has before training (Zhao et al., CVPR 2024)
)

Outputs = dict[str, Tensor]


@dataclass(frozen=True)
class Extra:
    """Queries beside those that are selected, in training.

    tokens: [B,N,D]
    boxes:  [B,N,4] cx, cy, w, h 0..1
    groups: [N] int64; queries see those of their group and the selected ones, which see none of
            them
    """

    tokens: Tensor
    boxes: Tensor
    groups: Tensor


@dataclass(frozen=True)
class Layers:
    """The outputs of every layer, each as in `RTDETRPose.forward`.

    encoder: logits and bbox of the selected places
    decoder: of each layer, the last one last
    extra:   the same of the extra queries; empty without any
    k_delta: [B,4]
    """

    encoder: Outputs
    decoder: list[Outputs]
    extra: list[Outputs]
    k_delta: Tensor


class RTDETRPose(nn.Module):
    """Images [B,3,H,W] RGB 0..1 of the config's size to objects, by the names of the contract.

    logits    [B,Q,C+1], of a softmax whose last class is the background
    bbox      [B,Q,4], logits of cx, cy, w, h as parts of the picture
    log_z     [B,Q,1], natural logarithm of the distance along the optical axis in metres
    rot6d     [B,Q,6], towards the first two rows of the rotation
    offsets   [B,Q,2] px of the input, from the box's centre to where the origin is seen
    k_delta   [B,4]: fx and fy times 1 + d, cx and cy plus d px
    keypoints [B,Q,K,2] as parts of the picture 0..1, if there are any
    keypoint_scores [B,Q,K] 0..1, log_sigma_z [B,Q,1], log_sigma_rot [B,Q,1]: if the config has them
    """

    anchors: Tensor

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.backbone = backbone_for(config)
        self.encoder = Encoder(config)
        self.select = nn.Sequential(
            nn.Linear(config.hidden, config.hidden), nn.LayerNorm(config.hidden)
        )
        self.select_classes = Classes(config)
        self.select_boxes = Boxes(config)
        self.decoder = Decoder(config)
        self.intrinsics = Intrinsics(config)
        self.labels = nn.Embedding(config.classes, config.hidden)  # of denoising queries
        self.register_buffer("anchors", _anchors(config), persistent=False)

    def forward(self, images: Tensor) -> Outputs:
        """Return the objects of the last layer, in the order of `output_names`."""
        memory, k_delta = self._encoded(images)
        tokens, chosen = self._selected(memory)
        found = self.decoder(tokens, chosen["bbox"], memory)[-1]
        if "keypoints" in found:
            found["keypoints"] = found["keypoints"].clamp(0, 1)
        found["k_delta"] = k_delta
        return {name: found[name] for name in output_names(self.config)}

    def layers(self, images: Tensor, extra: Extra | None = None) -> Layers:
        """Return the objects of every layer; keypoints may lie outside of the picture."""
        memory, k_delta = self._encoded(images)
        tokens, chosen = self._selected(memory)
        x, boxes, hidden = tokens.detach(), chosen["bbox"].detach(), None
        if extra is not None:
            x = torch.cat([x, extra.tokens.to(x.dtype)], 1)
            boxes = torch.cat([boxes, to_logits(extra.boxes)], 1)
            group = torch.cat([extra.groups.new_full((tokens.shape[1],), -1), extra.groups])
            hidden = (group[:, None] != group) & (group != -1)
        every = self.decoder(x, boxes, memory, hidden, every=True)
        count = tokens.shape[1]
        return Layers(
            encoder=chosen,
            decoder=[{name: v[:, :count] for name, v in found.items()} for found in every],
            extra=[{name: v[:, count:] for name, v in found.items()} for found in every]
            if extra is not None
            else [],
            k_delta=k_delta,
        )

    def _encoded(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the places of all feature maps [B,S,D], and k_delta [B,4]."""
        maps = self.encoder(self.backbone(images))
        memory = torch.cat([x.flatten(2).transpose(1, 2) for x in maps], 1)
        return memory, self.intrinsics(maps[-1])

    def _selected(self, memory: Tensor) -> tuple[Tensor, Outputs]:
        """Return the tokens [B,Q,D] of the places that look most like objects; logits and bbox."""
        tokens = self.select(memory)
        logits = self.select_classes(tokens).float()
        best = (logits[..., :-1].amax(-1) - logits[..., -1]).topk(self.config.queries, 1).indices

        def at(values: Tensor) -> Tensor:
            return values.gather(1, best[..., None].expand(-1, -1, values.shape[-1]))

        chosen = at(tokens)
        anchors = self.anchors.expand(len(memory), -1, -1)
        boxes = at(anchors) + self.select_boxes(chosen).float()
        return chosen, {"logits": at(logits), "bbox": boxes}

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "RTDETRPose":
        """Move or convert the weights; the anchors, which are coordinates, stay as exact."""
        exact = self.anchors
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call] # of torch
        self.anchors = exact.to(self.anchors.device)
        return self


def output_names(config: Config) -> list[str]:
    """Return the names of the outputs, in order."""
    names = ["logits", "bbox", "log_z", "rot6d", "offsets", "k_delta"]
    if config.keypoints:
        names.append("keypoints")
        names += ["keypoint_scores"] if config.keypoint_scores else []
    return [*names, *(["log_sigma_z", "log_sigma_rot"] if config.uncertainty else [])]


def _anchors(config: Config) -> Tensor:
    """Return [1,S,4] logits of a box around each place, twice as large on each coarser level."""
    rows = []
    for level, (height, width) in enumerate(config.levels):
        y, x = torch.meshgrid(
            (torch.arange(height) + 0.5) / height,
            (torch.arange(width) + 0.5) / width,
            indexing="ij",
        )
        side = torch.full_like(x, _SIDE * 2**level)
        rows.append(torch.stack([x, y, side, side], -1).flatten(0, 1))
    return to_logits(torch.cat(rows))[None]
