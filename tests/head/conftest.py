"""The embedded face networks and a picture of a face."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from kinograph.engines.models.registry import resolve
from kinograph.engines.runtime.engine import Engine, build_engine
from kinograph.engines.runtime.network import network_of


def _engine(name: str) -> Engine:
    model = resolve(name)
    return build_engine(model, network_of(model), backend="torch", device="cpu")


@pytest.fixture(scope="module")
def mesh() -> Engine:
    return _engine("mediapipe_face")


@pytest.fixture(scope="module")
def detector() -> Engine:
    return _engine("mediapipe_face_detector")


@pytest.fixture(scope="module")
def astronaut(root: Path) -> Tensor:
    """[1,512,512,3], one face."""
    with Image.open(root / "workflows" / "media" / "kinograph_astronaut.jpg") as image:
        return torch.from_numpy(np.asarray(image.convert("RGB")) / 255).float()[None]
