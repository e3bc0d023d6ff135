"""What a pose family is: how its networks are fed, and how people are read from their answers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ..models.registry import Model
from ..runtime.network import Network
from .skeletons import Skeleton


@dataclass(frozen=True)
class Candidates:
    """What a network takes for people in F frames: N places a frame, K joints.

    keypoints:  [F,N,K,2] x, y in pixels of the network's input
    confidence: [F,N,K] 0..1
    boxes:      [F,N,4] x0, y0, x1, y1 in pixels of the network's input
    scores:     [F,N] 0..1; 0 = nobody in this place
    """

    keypoints: Tensor
    confidence: Tensor
    boxes: Tensor
    scores: Tensor


@dataclass(frozen=True)
class OneStage:
    """A family whose networks find all the people of a whole frame.

    network: of a model; refuses a file that does not fit
    decode:  outputs, number of frames, least score -> candidates
    fill:    grey that frames are padded with, 0..1
    overlap: people whose boxes overlap more (IoU) are one; 1 = the network has seen to it
    """

    skeleton: Skeleton
    network: Callable[[Model], Network]
    decode: Callable[[Mapping[str, Tensor], int, float], Candidates]
    fill: float = 0.0
    overlap: float = 1.0


@dataclass(frozen=True)
class TopDown:
    """A family whose networks find the joints of one person in a crop of a frame.

    network: of a model; its `fixed` is height and width of the crops
    decode:  outputs for [N] crops -> keypoints [N,K,2] in pixels of the crop, confidence [N,K]
    padding: how much larger than the person's box the crop is
    """

    skeleton: Skeleton
    network: Callable[[Model], Network]
    decode: Callable[[Mapping[str, Tensor]], tuple[Tensor, Tensor]]
    padding: float = 1.25


PoseFamily = OneStage | TopDown


def without_doubles(candidates: Candidates, *, above: float, overlap: float) -> Candidates:
    """The candidates with the score of all those set to 0 that overlap a surer one (NMS).

    All frames at once, on the candidates' device. Those at or below `above` are left out, too.
    """
    from torchvision.ops import nms

    scores = candidates.scores
    frame, place = (scores > above).nonzero(as_tuple=True)
    boxes = candidates.boxes[frame, place].float()
    # frames side by side, so that only boxes of one frame overlap
    apart = frame * (boxes.amax() - boxes.amin() + 1 if boxes.numel() else 1)
    kept = nms(boxes + apart[:, None], scores[frame, place].float(), overlap)
    left = torch.zeros_like(scores)
    left[frame[kept], place[kept]] = scores[frame[kept], place[kept]]
    return Candidates(candidates.keypoints, candidates.confidence, candidates.boxes, left)
