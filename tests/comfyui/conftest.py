"""One ComfyUI for all of these tests, reset for each file of them, and its editor."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from browser import Frontend, frontend
from comfyui_server import ComfyUI
from kinograph.workflows.graph.shipped import MEDIA

PACKS = Path(__file__).parents[1] / "support"


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Iterator[ComfyUI]:
    """A ComfyUI with the pack and the tests' own packs."""
    packs = {"kinograph": root, **{name: PACKS / name for name in ("stub_pack", "semantics_pack")}}
    with ComfyUI(tmp_path_factory.mktemp("comfyui"), packs) as server:
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
