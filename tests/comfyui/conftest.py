"""A ComfyUI for each file of tests, and its editor."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from browser import Frontend, frontend
from comfyui_server import ComfyUI
from kinograph.workflows.graph.shipped import MEDIA

PACKS = Path(__file__).parents[1] / "support"


@pytest.fixture(scope="module")
def inputs() -> Iterable[Path]:
    """What is in ComfyUI's input folder; the editor lists it when it opens."""
    return MEDIA.iterdir()


@pytest.fixture(scope="module")
def comfy(
    tmp_path_factory: pytest.TempPathFactory, root: Path, inputs: Iterable[Path]
) -> Iterator[ComfyUI]:
    """With the pack and the tests' own packs."""
    packs = {"kinograph": root, **{name: PACKS / name for name in ("stub_pack", "semantics_pack")}}
    with ComfyUI(tmp_path_factory.mktemp("comfyui"), packs) as server:
        for path in inputs:
            server.place_input(path)
        yield server


@pytest.fixture(scope="module")
def editor(comfy: ComfyUI) -> Iterator[Frontend]:
    with frontend(comfy) as opened:
        yield opened
