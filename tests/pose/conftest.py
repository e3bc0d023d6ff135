"""Three people with tracks; networks of the module's `NETWORKS`, a stand-in for each name."""

from typing import Any

import pytest
import torch

from kinograph.engines.models.registry import Model, resolve
from kinograph.engines.pose.poses import Poses
from kinograph.engines.pose.tracking import Tracker
from kinograph.engines.runtime.engine import Engine, build_engine
from kinograph.engines.runtime.network import network_of
from pose_checks import Engines, Maker, Models
from walkers import poses_of, straight


@pytest.fixture(scope="module")
def models(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Models:
    """The user's own file of a stand-in, by its name: FAMILY or FAMILY-KIND."""
    folder = tmp_path_factory.mktemp("own")
    makers: dict[str, Maker] = request.module.NETWORKS

    def model(name: str) -> Model:
        path = folder / f"{name}.onnx"
        if not path.exists():
            makers[name](path)
        return resolve(f"{name.split('-')[0]}:{path.name}", folder=folder)

    return model


@pytest.fixture(scope="module")
def engines(models: Models) -> Engines:
    def engine(name: str, **options: Any) -> Engine:
        model = models(name)
        return build_engine(
            model, network_of(model), backend="onnxruntime", device="cpu", **options
        )

    return engine


@pytest.fixture
def three() -> Poses:
    """Three people of 185, 92 and 37 px for four frames, with tracks 0, 1, 2 by their scores."""
    paths = torch.stack([straight((x, 240), (x + 8, 240), 4) for x in (150, 400, 650)], 1)
    scale = torch.tensor([1.0, 0.5, 0.2])
    return Tracker().update(poses_of(paths, scale=scale, shuffle=None))
