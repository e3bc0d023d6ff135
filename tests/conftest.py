"""Shared fixtures: the shipped clip, an engine for it, and golden images."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from kinograph.engines.models.registry import resolve
from kinograph.engines.pose.poses import Poses
from kinograph.engines.runtime import onnx_export
from kinograph.engines.runtime.engine import Engine, build_engine
from kinograph.engines.runtime.network import network_of
from kinograph.engines.video.clip import Clip
from kinograph.engines.video.read import read_video
from walkers import STANDING

ROOT = Path(__file__).resolve().parents[1]
CLIP = ROOT / "workflows" / "media" / "kinograph_two_people.mp4"
GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="session", autouse=True)
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The models folder of the tests and their subprocesses.

    Engines are built once per run of pytest: the processes of pytest-xdist share the folder.
    """
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "models"
    folder.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KINOGRAPH_MODELS_DIR", str(folder))
        yield folder


@pytest.fixture(scope="session", autouse=True)
def _exporting_here() -> Iterator[None]:
    """Export networks in this process, which has imported already what takes a new one seconds.

    Those of the tests in a real ComfyUI and of commands that are run as programs are exported in a
    process of their own, as users' are; how that ends is in tests/runtime/test_worker.py.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            onnx_export,
            "_export_apart",
            lambda model, network, precision, progress: onnx_export.export_here(
                network.module(model.path), network, precision
            ),
        )
        yield


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With pytest-xdist, start the longest files first."""
    if hasattr(config, "workerinput"):
        names = ("comfyui", "long")
        items.sort(key=lambda item: [not item.get_closest_marker(name) for name in names])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep the tests of a file in one process, and all that use ComfyUI in the same one.

    `--dist loadgroup` would do the same, but has no effect with pytest-xdist 3.8 on pytest 9.
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file, _, _ = nodeid.partition("::")
            folder, _, _ = file.rpartition("/")
            return folder if folder.endswith("/comfyui") else file

    config.option.loadscopereorder = False  # in the order of the items
    return ByFile(config, log)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write the golden images again; look at them afterwards",
    )


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def clip_path() -> Path:
    return CLIP


@pytest.fixture(scope="session")
def clip() -> Clip:
    return read_video(CLIP)


@pytest.fixture(scope="session")
def engine() -> Engine:
    model = resolve("movenet_multipose")
    return build_engine(model, network_of(model), backend="torch", device="cpu")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, Tensor], None]:
    """Compare an image [H,W,3] 0..1 with golden/NAME.png by root mean square error."""

    def compare(name: str, image: Tensor, tolerance: float = 0.005) -> None:
        path = GOLDEN / f"{name}.png"
        pixels = (image * 255).round().byte().numpy()
        if request.config.getoption("--update-golden"):
            Image.fromarray(pixels).save(path)
        wanted = np.asarray(Image.open(path)).astype(float)
        assert wanted.shape == pixels.shape
        error = float(np.sqrt(((pixels - wanted) ** 2).mean()) / 255)
        assert error <= tolerance, f"{name}: root mean square error {error:.4f}"

    return compare


def _whole(bodies: Tensor, random: torch.Generator) -> Tensor:
    """Return COCO bodies [F,P,17,2] with feet, face and hands added: [F,P,133,2]."""
    face = torch.linspace(0, 2 * torch.pi, 68)
    face = torch.stack([face.sin() * 14, -face.cos() * 18], -1)
    fingers = torch.arange(21)
    hand = torch.stack(
        [((fingers - 1) // 4 - 2.0) * 5 * (fingers > 0), ((fingers - 1) % 4 + 1) * 5.0], -1
    )
    foot = torch.tensor([[12.0, 8], [4, 9], [-6, 4]])

    def at(joint: int, part: Tensor) -> Tensor:
        moved = torch.randn(*bodies.shape[:2], len(part), 2, generator=random)
        return bodies[:, :, joint, None] + part + moved

    feet = [at(15, foot), at(16, foot * torch.tensor([-1.0, 1.0]))]
    return torch.cat([bodies, *feet, at(0, face), at(9, hand), at(10, hand)], 2)


@pytest.fixture
def people() -> Callable[..., Poses]:
    """Return a function that makes poses of P people per frame, randomly placed, for F frames."""

    def make(
        frames: int = 4,
        people: int = 2,
        canvas: tuple[int, int] = (464, 832),
        *,
        seed: int = 0,
        grown: float = 1.0,
        whole: bool = False,
    ) -> Poses:
        random = torch.Generator().manual_seed(seed)
        bodies = STANDING + torch.randn(frames, people, 17, 2, generator=random) * 12
        bodies = _whole(bodies, random) if whole else bodies
        bodies = bodies * (torch.rand(frames, people, 1, 1, generator=random) + 0.5) * grown
        height, width = canvas
        places = torch.rand(frames, people, 1, 2, generator=random)
        keypoints = bodies + places * torch.tensor([width, height])
        low, high = keypoints.amin(2), keypoints.amax(2)
        return Poses(
            keypoints=keypoints,
            confidence=torch.ones(keypoints.shape[:3]),
            boxes=torch.cat([low, high], -1),
            scores=torch.ones(frames, people),
            track_ids=torch.full((frames, people), -1),
            count=torch.full((frames,), people),
            canvas=canvas,
            skeleton="coco_wholebody_133" if whole else "coco_17",
        )

    return make
