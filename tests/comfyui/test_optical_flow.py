"""The real ComfyUI loads the model of OPTICAL_FLOW, and its answer is right."""

import pytest

from comfyui_server import ComfyUI

pytestmark = pytest.mark.comfyui


def test_a_node_that_calls_the_model_as_void_warped_noise_does(comfy: ComfyUI) -> None:
    graph = {
        "model": {
            "class_type": "KinographOpticalFlowModel",
            "inputs": {"size": 0, "dis_preset": "medium"},
        },
        "flow": {"class_type": "FlowByModel", "inputs": {"optical_flow": ["model", 0], "right": 5}},
    }
    outputs = comfy.run(graph)
    x, y = (float(value) for value in outputs["flow"]["text"])
    assert x == pytest.approx(5, abs=0.1)
    assert y == pytest.approx(0, abs=0.1)
