"""The included flow network."""

import pytest

from kinograph.engines.datasets.made_flow import make
from kinograph.engines.evaluation.flow import end_point_errors
from kinograph.engines.flow.estimate import estimate_flow
from kinograph.engines.models.registry import resolve
from kinograph.engines.runtime.engine import Engine, build_engine
from kinograph.engines.runtime.network import network_of


@pytest.fixture(scope="module")
def included() -> Engine:
    model = resolve("kinograph_flow_s")
    return build_engine(model, network_of(model), backend="torch", device="cpu")


def test_it_errs_less_than_dis(included: Engine) -> None:
    """On the whole: it is much better where fast things cover others, DIS where all is smooth."""

    def error(scene: str, engine: Engine | None) -> float:
        frames, truth = make(scene, size=(192, 256))
        flow = estimate_flow(frames, engine).forward
        assert flow is not None
        return float(end_point_errors(flow, truth.flow).mean())

    scenes = ("shift_fast", "affine", "layers", "layers_fast")
    ours, theirs = ([error(scene, engine) for scene in scenes] for engine in (included, None))
    assert sum(ours) < sum(theirs) / 2
    assert max(ours) < 2
