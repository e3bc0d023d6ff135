"""Flow to write, and writers of single files."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from kinograph.engines.flow.files.kitti import kitti_bytes
from kinograph.engines.flow.files.middlebury import flo_bytes
from kinograph.engines.flow.flow import Flow


def made(pairs: int = 3, h: int = 5, w: int = 7, direction: str = "both", **more: Any) -> Flow:
    random = torch.Generator().manual_seed(h * w)
    one, two = torch.randn(2, pairs, 2, h, w, generator=random) * 50
    flows = {"forward": one, "backward": two}
    chosen = {d: f for d, f in flows.items() if direction in (d, "both")}
    return Flow(chosen.get("forward"), chosen.get("backward"), **more)


def same(one: Flow, two: Flow) -> bool:
    """Bit for bit."""
    for a, b in ((one.forward, two.forward), (one.backward, two.backward)):
        if (a is None) != (b is None) or (
            a is not None and b is not None and not torch.equal(a, b)
        ):
            return False
    return (one.fps, one.first) == (two.fps, two.first)


def place(root: Path, format: str) -> Path:
    return root / ("clip.npz" if format == "npz" else "clip")


EXACT = ("npz", "flo", "exr")


def write_flo(flow: Tensor, path: Path) -> None:
    path.write_bytes(flo_bytes(flow))


def write_kitti(flow: Tensor, path: Path, valid: Tensor | None = None) -> None:
    path.write_bytes(kitti_bytes(flow, valid))
