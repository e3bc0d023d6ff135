"""MediaPipe's face detector (BlazeFace, short range) and face mesh of 468 points. Apache-2.0.

Bazarevsky et al., BlazeFace, 2019, arXiv:1907.05047; Kartynnik et al., Real-time facial surface
geometry from monocular video on mobile GPUs, 2019, arXiv:1907.06724. Layers and weights are those
of the published networks, see NOTICE; decoding, suppression and regions are our own, with
MediaPipe's constants.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from ...geometry.boxes import iou
from ...models.planned import load_planned
from ...runtime.network import Network
from ...runtime.tensor_spec import BATCH, TensorSpec, image_input
from ..family import FaceCandidates, FaceDetector, FaceMesh, HeadFamily

DETECTOR_SIZE = 128  # px
MESH_SIZE = 192  # px
POINTS = 468
_GRIDS = ((16, 2), (8, 6))  # cells per side, anchors per cell
_MOST = 64  # candidates per picture that overlaps are searched among
_OVERLAP = 0.3  # IoU above which two candidates are one face


class Detector(nn.Module):
    """images [N,3,128,128] RGB 0..1 -> boxes and points, and the logits of 896 anchors.

    regressors:     [N,896,16] px from the anchor: centre, width and height of the box, 6 points
    classificators: [N,896,1] logit of a face
    """

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        found: dict[str, Tensor] = self.network(images * 2 - 1)
        return {name: found[name] for name in ("regressors", "classificators")}


class Mesh(nn.Module):
    """images [N,3,192,192] RGB 0..1 -> points of the face in the crop.

    landmarks: [N,1404] x, y, z px of 468 points
    presence:  [N,1] logit of a face
    """

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        found: dict[str, Tensor] = self.network(images)
        return {name: found[name].flatten(1) for name in ("landmarks", "presence")}


def _load_detector(path: Path) -> nn.Module:
    return Detector(load_planned(path)).eval()


def _load_mesh(path: Path) -> nn.Module:
    return Mesh(load_planned(path)).eval()


def anchors(device: torch.device | str = "cpu") -> Tensor:
    """Return the centres [896,2] x, y of the detector's anchors, 0..1."""
    rows = []
    for cells, each in _GRIDS:
        at = (torch.arange(cells, device=device) + 0.5) / cells
        y, x = torch.meshgrid(at, at, indexing="ij")
        rows.append(torch.stack([x, y], -1).view(-1, 1, 2).expand(-1, each, 2).reshape(-1, 2))
    return torch.cat(rows)


def decode_faces(outputs: Mapping[str, Tensor], above: float) -> FaceCandidates:
    """Return the faces of N pictures from the detector's outputs, in px of its input.

    Candidates that overlap are merged into the mean of them, weighted by their scores, as MediaPipe
    does; the score is the highest. Those with at most the score `above` get the score 0.
    """
    scores = outputs["classificators"].float()[..., 0].clamp(-100, 100).sigmoid()
    scores, order = scores.topk(_MOST, dim=1)  # [N,M], descending
    scores = scores * (scores > above)
    raw = outputs["regressors"].float()
    raw = raw.gather(1, order[..., None].expand(-1, -1, raw.shape[2]))
    anchor = anchors(raw.device)[order] * DETECTOR_SIZE  # [N,M,2]
    centre, half = anchor + raw[..., :2], raw[..., 2:4] / 2
    points = anchor[:, :, None] + raw[..., 4:].unflatten(2, (-1, 2))
    boxes = torch.cat([centre - half, centre + half], -1)
    found = FaceCandidates(boxes=boxes, scores=scores, points=points)
    kept = found.suppressed(above=above, overlap=_OVERLAP).scores
    # Each candidate belongs to the best kept one that it overlaps.
    overlap = iou(boxes[:, :, None], boxes[:, None]) * (kept > 0)[:, None]  # [N, candidate, kept]
    near = overlap > _OVERLAP
    owner = near.to(torch.uint8).argmax(2)  # they are sorted: the first is the best
    weight = near.any(2) * scores
    merged = torch.zeros_like(overlap).scatter_(1, owner[:, None], weight[:, None])
    merged = merged / merged.sum(2, keepdim=True).clamp(min=1e-6)  # [N, kept, candidate]
    return FaceCandidates(
        boxes=merged @ boxes,
        scores=kept,
        points=(merged @ points.flatten(2)).unflatten(2, (-1, 2)),
    )


def decode_mesh(outputs: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Return points [N,468,3] px of the crop and the score [N] of there being a face."""
    points = outputs["landmarks"].float().unflatten(1, (POINTS, 3))
    return points, outputs["presence"].float()[:, 0].sigmoid()


MESH = FaceMesh(size=MESH_SIZE, points=POINTS, eyes=(33, 263), decode=decode_mesh, reach=1.5)

FAMILIES = (
    HeadFamily(
        name="mediapipe_face",
        network=lambda model: Network(
            name="mediapipe_face",
            load=_load_mesh,
            inputs=(image_input(MESH_SIZE, MESH_SIZE),),
            outputs=(
                TensorSpec("landmarks", "float", (BATCH, POINTS * 3)),
                TensorSpec("presence", "float", (BATCH, 1)),
            ),
            stride=MESH_SIZE,
            sizes=(MESH_SIZE, MESH_SIZE),
            pixel_bytes=48,  # 16 channels at half the size, and what they are made from
        ),
        order=10,
        head=MESH,
    ),
    HeadFamily(
        name="mediapipe_face_detector",
        network=lambda model: Network(
            name="mediapipe_face_detector",
            load=_load_detector,
            inputs=(image_input(DETECTOR_SIZE, DETECTOR_SIZE),),
            outputs=(
                TensorSpec("regressors", "float", (BATCH, 896, 16)),
                TensorSpec("classificators", "float", (BATCH, 896, 1)),
            ),
            stride=DETECTOR_SIZE,
            sizes=(DETECTOR_SIZE, DETECTOR_SIZE),
            pixel_bytes=72,  # 24 channels at half the size, and what they are made from
        ),
        order=10,
        head=FaceDetector(size=DETECTOR_SIZE, decode=decode_faces, reach=1.5),
    ),
)
