"""Judge flow on footage whose motion is not known: what it explains, and whether it is steady."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..flow.consistency import warp_clip
from ..flow.estimate import estimate_flow
from ..flow.flow import Flow, lengths
from ..runtime.engine import Engine

LONGEST = 832  # px, longer side that footage is scaled down to
NOISE = 0.01  # standard deviation of the noise of still footage, for colours in 0..1
_STILL = 5  # frames
_LEVELS = 255


def scaled_down(frames: Tensor) -> Tensor:
    """Return frames [F,H,W,3] 0..1 whose longer side is at most `LONGEST` px."""
    height, width = frames.shape[1:3]
    part = LONGEST / max(height, width)
    if part >= 1:
        return frames
    size = (max(1, round(height * part)), max(1, round(width * part)))
    small = F.interpolate(frames.movedim(-1, 1), size, mode="bilinear", antialias=True)
    return small.movedim(1, -1).clamp(0, 1)


def judge_footage(frames: Tensor, engine: Engine | None, preset: str = "medium") -> dict[str, Any]:
    """Judge the flow of a clip [F,H,W,3] 0..1 with F > 1, at its own size; engine None: DIS.

    Returns JSON:
    pairs:        of frames
    all_error:    mean difference of colours, 0..255, between a frame and the next one warped onto
                  it, over all pixels
    seen_error:   the same where forward and backward flow agree (Sundaram et al., ECCV 2010), None
                  if they do nowhere
    consistent:   share of those pixels, 0..1. A flow that agrees with itself in few places has a
                  small `seen_error` for a bad reason
    """
    size = max(frames.shape[1:3])
    flow = estimate_flow(
        frames, engine, direction="both", size=size, preset=preset, across_cuts=True
    )
    return judge_flow(frames, flow)


def judge_flow(frames: Tensor, flow: Flow) -> dict[str, Any]:
    """Judge the flow of a clip in both directions, see `judge_footage`."""
    warped, unknown = warp_clip(frames, flow, "next onto this")
    there = frames.to(warped.device)[:-1]
    error = (warped[:-1] - there).abs().mean(-1) * _LEVELS  # [F-1,H,W]
    seen = unknown[:-1] == 0
    return {
        "pairs": len(flow),
        "all_error": float(error.mean()),
        "seen_error": float(error[seen].mean()) if bool(seen.any()) else None,
        "consistent": float(seen.float().mean()),
    }


def judge_still(frame: Tensor, engine: Engine | None, preset: str = "medium") -> dict[str, Any]:
    """Judge the flow of a frame [H,W,3] 0..1 that stands still, with new noise in every frame.

    Returns JSON: `mean` and `most` (of 99 % of the pixels), px per frame, where 0 is right.
    """
    random = torch.Generator().manual_seed(0)
    noise = torch.randn((_STILL, *frame.shape), generator=random) * NOISE
    frames = (frame.cpu() + noise).clamp(0, 1)
    size = max(frame.shape[:2])
    flow = estimate_flow(frames, engine, size=size, preset=preset, across_cuts=True).main
    speed = lengths(flow).flatten().double()
    place = max(1, round(0.99 * len(speed)))
    return {"mean": float(speed.mean()), "most": float(speed.kthvalue(place).values)}
