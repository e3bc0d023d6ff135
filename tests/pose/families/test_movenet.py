"""MoveNet against ONNX Runtime on the published graph, and its decode against slow arithmetic."""

import shutil
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor

from kinograph.engines.geometry.placement import Placement
from kinograph.engines.models.registry import EMBEDDED, resolve
from kinograph.engines.pose.families import movenet
from kinograph.engines.video.clip import Clip

ONNX = Path(__file__).parents[2] / "data" / "movenet_multipose.onnx"


@pytest.fixture(scope="module")
def network() -> movenet.MoveNetMultiPose:
    return movenet.load(resolve("movenet_multipose").path)


@pytest.fixture(scope="module")
def images(clip: Clip) -> Tensor:
    """[4,3,256,448] real frames, two with one person and two with two."""
    letterbox = Placement.longer_side((464, 832), 448, stride=32)
    return letterbox.apply(clip.frames[[0, 8, 16, 32]])


@pytest.fixture(scope="module")
def heads(network: movenet.MoveNetMultiPose, images: Tensor) -> dict[str, Tensor]:
    with torch.inference_mode():
        return network(images)


def slow_decode(heads: dict[str, np.ndarray], frame: int) -> list[dict[str, np.ndarray]]:
    """One frame, one person, one joint at a time, in float64, from the published graph's text."""
    center = heads["center"][frame, 0]
    height, width = center.shape
    peaks = []
    for y in range(height):
        for x in range(width):
            window = center[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3]
            if abs(center[y, x] - window.max()) < 1.0132789611816406e-06:
                peaks.append((float(center[y, x]), y, x))
    peaks.sort(key=lambda p: -p[0])
    ys, xs = np.arange(height)[:, None], np.arange(width)[None]
    fields, people = [], []
    for _, cy, cx in peaks[:6]:
        scale = np.maximum(heads["box_scale"][frame, :, cy, cx], 0)
        middle = heads["box_offset"][frame, :, cy, cx] + (cy, cx)
        y0, y1 = np.clip((middle[0] - scale[0] / 2, middle[0] + scale[0] / 2), 0, height)
        x0, x1 = np.clip((middle[1] - scale[1] / 2, middle[1] + scale[1] / 2), 0, width)
        inside = (ys >= y0) & (ys < y1) & (xs >= x0) & (xs < x1)
        field = []
        for joint in range(17):
            gy, gx = heads["kpt_regress"][frame, 2 * joint : 2 * joint + 2, cy, cx] + (cy, cx)
            far = (ys - gy) ** 2 + (xs - gx) ** 2
            near = np.exp(-far / (min(height, width) * 0.300048828125))
            field.append(heads["kpt_heatmap"][frame, joint] * near * inside)
        fields.append(field)
        people.append(np.array([x0, y0, x1, y1]) * 4)
    best = np.max(fields, 0)
    found = []
    for (peak, _, _), field, box in zip(peaks, fields, people, strict=False):
        points, confidence = [], []
        for joint in range(17):
            ky, kx = np.unravel_index(field[joint].argmax(), (height, width))
            oy, ox = heads["kpt_offset"][frame, 2 * joint : 2 * joint + 2, ky, kx]
            points.append(((kx + ox) * 4, (ky + oy) * 4))
            confidence.append(best[joint, ky, kx])
        counted = [c for c in confidence if c > 0.126953125]
        score = peak * sum(counted) / max(1, len(counted))
        found.append(
            {"points": np.array(points), "confidence": confidence, "box": box, "score": score}
        )
    return found


def test_heads_agree_with_onnx_runtime(
    tmp_path: Path, images: Tensor, heads: dict[str, Tensor]
) -> None:
    # The graph refers to the weights file beside it; ONNX Runtime follows no path out of a folder.
    shutil.copy(ONNX, tmp_path)
    shutil.copy(EMBEDDED / "movenet_multipose.safetensors", tmp_path)
    session = onnxruntime.InferenceSession(str(tmp_path / ONNX.name))
    wanted = session.run(list(movenet.HEADS), {"images": images.contiguous().numpy()})
    for (name, channels), value in zip(movenet.HEADS.items(), wanted, strict=True):
        assert heads[name].shape == (4, channels, 64, 112)
        np.testing.assert_allclose(heads[name].numpy(), value, atol=1e-3, err_msg=name)


def test_decode_agrees_with_slow_arithmetic(heads: dict[str, Tensor]) -> None:
    arrays = {name: head.double().numpy() for name, head in heads.items()}
    keypoints, confidence, boxes, scores = movenet.decode(heads)
    for frame in range(4):
        for person, wanted in enumerate(slow_decode(arrays, frame)):
            if wanted["score"] < 1e-3:
                continue  # equal scores of nobody may come in another order
            at = frame, person
            np.testing.assert_allclose(scores[at], wanted["score"], rtol=1e-4)
            np.testing.assert_allclose(confidence[at], wanted["confidence"], atol=1e-5)
            np.testing.assert_allclose(keypoints[at], wanted["points"], atol=1e-2)
            np.testing.assert_allclose(boxes[at], wanted["box"], atol=1e-2)


def test_people_below_the_bound_cost_nothing_and_change_nothing(heads: dict[str, Tensor]) -> None:
    everyone = movenet.decode(heads)
    some = movenet.decode(heads, above=0.2)
    places = some[3].shape[1]
    assert places < movenet.MAX_PEOPLE
    assert bool((everyone[3][:, places:] <= 0.2).all())
    for all_places, few in zip(everyone, some, strict=True):
        torch.testing.assert_close(all_places[:, :places], few, rtol=1e-6, atol=1e-6)


def test_a_batch_equals_its_singles(network: movenet.MoveNetMultiPose, images: Tensor) -> None:
    with torch.inference_mode():
        together = movenet.decode(network(images))
        single = [movenet.decode(network(images[i : i + 1])) for i in range(4)]
    for batch, parts in zip(together, zip(*single, strict=True), strict=True):
        torch.testing.assert_close(batch, torch.cat(parts), rtol=1e-4, atol=2e-3)


def test_weights_fit_the_module_exactly() -> None:
    """load_state_dict is strict: a missing or spare tensor raises."""
    network = movenet.load(resolve("movenet_multipose").path)
    assert sum(p.numel() for p in network.parameters()) == 4_723_346
