"""What must hold on an NVIDIA GPU; skipped where PyTorch has none."""

from collections.abc import Callable

import pytest
import torch

from kinograph.engines.families import network_of
from kinograph.engines.models.registry import resolve
from kinograph.engines.pose.detect import detect_poses
from kinograph.engines.pose.poses import Poses
from kinograph.engines.render.skeleton import draw_skeletons
from kinograph.engines.render.styles import STYLES
from kinograph.engines.runtime.engine import Engine, build_engine
from kinograph.engines.vace.normalise import normalise
from kinograph.engines.video.clip import Clip

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16"])
def test_the_engine_agrees_with_the_cpu(clip: Clip, engine: Engine, precision: str) -> None:
    model = resolve("movenet_multipose")
    cuda = build_engine(
        model, network_of(model), backend="torch", device="cuda", precision=precision
    )
    assert cuda.verdict is not None
    assert cuda.verdict.passed
    assert torch.cuda.get_device_name() in cuda.report()
    if precision == "bf16":
        return  # borderline people tip over; the parity verdict is what holds
    found = detect_poses(clip.frames, cuda)
    wanted = detect_poses(clip.frames, engine)
    assert found.device.type == "cuda"
    assert found.count.tolist() == wanted.count.tolist()
    both = (found.confidence.cpu() > 0) & (wanted.confidence > 0)
    distance = (found.keypoints.cpu() - wanted.keypoints).norm(dim=-1)[both]
    assert float(distance.median()) < (0.02 if precision == "fp32" else 0.1)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("antialias", [True, False])
def test_drawing_is_the_same_as_on_the_cpu(
    people: Callable[..., Poses], style: str, antialias: bool
) -> None:
    poses = people(5, 4)
    here = draw_skeletons(poses, style=style, antialias=antialias)
    there = draw_skeletons(poses.to("cuda"), style=style, antialias=antialias)
    for cpu, cuda in zip(here, there, strict=True):
        assert cuda.device.type == "cuda"
        torch.testing.assert_close(cuda.cpu(), cpu, atol=2e-3 if antialias else 0, rtol=0)


def test_everything_stays_on_the_device(clip: Clip) -> None:
    model = resolve("movenet_multipose")
    cuda = build_engine(model, network_of(model), backend="torch", device="cuda")
    frames = clip.frames.cuda()
    poses = detect_poses(frames, cuda)
    image, mask = draw_skeletons(poses, footage=frames)
    control = normalise(image, mask).control()
    for tensor in (poses.keypoints, image, mask, control.video, control.mask):
        assert tensor.device.type == "cuda"


def test_memory_is_flat(clip: Clip) -> None:
    model = resolve("movenet_multipose")
    cuda = build_engine(model, network_of(model), backend="torch", device="cuda")
    frames = clip.frames.cuda()
    held = []
    for _ in range(4):
        poses = detect_poses(frames, cuda)
        draw_skeletons(poses)
        del poses
        held.append(torch.cuda.memory_allocated())
    assert len(set(held[1:])) == 1
