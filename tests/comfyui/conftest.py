"""One ComfyUI for all of these tests, reset for each file of them, and its editor."""

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from browser import Frontend, frontend
from comfyui_server import ComfyUI
from kinograph.engines.models.registry import resolve
from kinograph.engines.runtime import onnx_export
from kinograph.engines.runtime.cache import EngineCache
from kinograph.engines.runtime.folders import engine_folder
from kinograph.engines.runtime.network import network_of
from kinograph.workflows.graph.shipped import MEDIA

PACKS = Path(__file__).parents[1] / "support"


# What other tests export as well. ComfyUI itself exports mediapipe_hand.
EXPORTED = (
    *("movenet_multipose", "mediapipe_face", "mediapipe_face_detector"),
    "realesr_animevideov3_x4",
)


def share_exports(folder: Path) -> None:
    """Copy graphs of networks, whose export takes long, from this run of the tests."""
    folder.mkdir(parents=True)
    cache = EngineCache(engine_folder())
    for name in EXPORTED:
        model = resolve(name)
        path = onnx_export.exported(model, network_of(model), "fp32", cache).path
        for file in (path, path.with_suffix(".json")):
            shutil.copy(file, folder)


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Iterator[ComfyUI]:
    """A ComfyUI with the pack, the tests' own packs, and engines that other tests need as well."""
    packs = {"kinograph": root, **{name: PACKS / name for name in ("stub_pack", "semantics_pack")}}
    with ComfyUI(tmp_path_factory.mktemp("comfyui"), packs) as server:
        share_exports(server.models / "engines")
        yield server


@pytest.fixture(scope="module")
def inputs() -> Iterable[Path]:
    """The content of ComfyUI's input folder, which the editor lists when it opens."""
    return MEDIA.iterdir()


@pytest.fixture(scope="module")
def comfy(running: ComfyUI, inputs: Iterable[Path]) -> Iterator[ComfyUI]:
    """The ComfyUI without traces of other files' tests.

    Headless runs in the tests themselves share its folder of engines.
    """
    running.reset(inputs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KINOGRAPH_MODELS_DIR", str(running.models))
        yield running


@pytest.fixture(scope="module")
def editor(comfy: ComfyUI) -> Iterator[Frontend]:
    """An editor of its own for each file: an open Playwright keeps asyncio from other tests."""
    with frontend(comfy) as opened:
        yield opened
