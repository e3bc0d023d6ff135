"""Networks of the module's `NETWORKS`, a stand-in for each name."""

from typing import Any

import pytest

from kinograph.engines.models.registry import Model, resolve
from kinograph.engines.runtime.engine import Engine, build_engine
from kinograph.engines.runtime.network import network_of
from pose_checks import Engines, Maker, Models


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
