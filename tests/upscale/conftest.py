from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torchvision.transforms.functional import pil_to_tensor

from kinograph.engines.models.registry import Model, resolve
from kinograph.engines.runtime.engine import Engine, build_engine
from kinograph.engines.runtime.network import network_of
from kinograph.workflows.graph.shipped import MEDIA
from upscale_models import saved

Made = Callable[..., Engine]


@pytest.fixture(scope="session")
def compact() -> Model:
    return resolve("realesr_animevideov3_x4")


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """Make an engine, PyTorch on the CPU, of a module's weights or a model."""

    def make(
        source: Model | nn.Module,
        family: str = "",
        *,
        batch: int = 2,
        sizes: tuple[int, int] = (16, 256),
        backend: str = "torch",
    ) -> Engine:
        model = source if isinstance(source, Model) else saved(source, family, tmp_path)
        network = network_of(model)
        return build_engine(
            model, network, backend=backend, device="cpu", max_batch=batch, sizes=sizes
        )

    return make


@pytest.fixture(scope="session")
def picture() -> Tensor:
    """[1,128,128,3], a face."""
    image = Image.open(MEDIA / "kinograph_astronaut.jpg").convert("RGB").crop((128, 0, 384, 256))
    return pil_to_tensor(image.resize((128, 128))).movedim(0, -1)[None].float() / 255


@pytest.fixture(autouse=True)
def _fixed() -> None:
    torch.manual_seed(0)
