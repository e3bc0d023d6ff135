"""Options of a model: what they are called in caches, and what was called otherwise before."""

from pathlib import Path
from typing import Any

import pytest

from kinograph.engines.models.registry import Model, find
from kinograph.engines.runtime import upkeep
from kinograph.engines.runtime.cache import Artifact
from kinograph.engines.runtime.onnx_export import options_key


def test_defaults_are_left_out() -> None:
    model = Model.of_file(find("raft_small_v2"), Path("x"))
    assert model.with_options(updates=0, both=False).options == {}
    changed = model.with_options(updates=6, warm=True)
    assert changed.options == {"updates": 6, "warm": True}
    assert changed.with_options(updates=0, both=True).options == {"warm": True, "both": True}
    assert options_key(model) == {}
    assert options_key(changed) == {"options": {"updates": 6, "warm": True}}


@pytest.mark.parametrize(
    ("request_", "options"),
    [
        ({"model": "m", "backend": "b", "precision": "fp16", "updates": 6, "both": True}, 2),
        ({"model": "m", "backend": "b", "precision": "fp16", "options": {"updates": 6}}, 1),
        ({"model": "m", "backend": "b", "precision": "fp16"}, 0),
    ],
)
def test_sidecars_of_before_are_understood(request_: dict[str, Any], options: int) -> None:
    """They had the options beside the rest, under their names."""
    artifact = Artifact(Path("m.engine"), {"request": request_})
    read = upkeep._request(artifact)
    assert read is not None
    assert len(read["options"]) == options
    assert {key: read[key] for key in ("model", "backend", "precision")} == {
        "model": "m",
        "backend": "b",
        "precision": "fp16",
    }


def test_a_sidecar_without_a_request() -> None:
    assert upkeep._request(Artifact(Path("m.engine"), {})) is None
