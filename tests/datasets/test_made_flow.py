"""Made footage: the motion that it claims is the motion that it shows."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from flow_probes import warp
from kinograph.engines.datasets import made_flow as made
from kinograph.engines.datasets.made_flow import SCENES, Layer, make
from kinograph.engines.errors import InputError
from kinograph.engines.evaluation.flow import Truth
from kinograph.engines.video.clip import Clip

SIZE = (144, 192)


def apart(frames: Tensor, flow: Tensor, truth: Truth) -> float:
    """Mean distance of the first frames from the second ones moved back, at pixels that neither
    are hidden nor mix two layers."""
    assert truth.occluded is not None
    jumps = torch.zeros_like(truth.valid)
    jumps[:, 1:] = truth.flow.diff(dim=2).abs().amax(1) > 1
    jumps[:, :, 1:] |= truth.flow.diff(dim=3).abs().amax(1) > 1
    hidden = (truth.occluded | jumps)[:, None].float()
    near = F.max_pool2d(hidden, 7, 1, 3)[:, 0] > 0
    error = (warp(frames[1:], flow) - frames[:-1]).abs().mean(-1)
    return float(error[~near].mean())


@pytest.mark.parametrize("name", list(SCENES))
@pytest.mark.parametrize("textured", [False, True])
def test_the_second_frame_moved_back_is_the_first(name: str, textured: bool, clip: Clip) -> None:
    picture = clip.frames[0] if textured else None
    frames, truth = make(name, size=SIZE, frames=3, picture=picture)
    assert frames.shape == (3, *SIZE, 3)
    assert truth.flow.shape == (2, 2, *SIZE)
    assert truth.valid.all()
    assert (truth.dataset, truth.sequence) == ("made", name)
    right = apart(frames, truth.flow, truth)
    assert right < 0.013  # of bilinear interpolation, and the noise of the still scene
    if name == "still":
        assert not truth.flow.any()
        return
    # and it would be seen if the flow were wrong
    assert apart(frames, -truth.flow, truth) > 2 * right
    off = truth.flow + torch.tensor([1.0, 0.0])[:, None, None]
    assert apart(frames, off, truth) > 1.2 * right + 0.002


def test_whole_pixels_are_exact() -> None:
    frames, truth = make("shift", size=SIZE)
    assert truth.flow[0, :, 0, 0].tolist() == [5, -3]
    assert torch.allclose(frames[1, :-3, 5:], frames[0, 3:, :-5], atol=1e-5)
    assert truth.occluded is not None
    expected = torch.zeros(SIZE, dtype=torch.bool)
    expected[:3] = True
    expected[:, -5:] = True
    assert torch.equal(truth.occluded[0], expected)


def test_a_turn_is_a_turn() -> None:
    height, width = SIZE
    flow = make("turn", size=SIZE)[1].flow[0]
    angle = math.radians(4)
    x, y = 20 - (width - 1) / 2, 30 - (height - 1) / 2
    wanted = (
        x * math.cos(angle) - y * math.sin(angle) - x,
        x * math.sin(angle) + y * math.cos(angle) - y,
    )
    assert flow[:, 30, 20].tolist() == pytest.approx(wanted, abs=1e-4)
    assert wanted[1] < 0 < wanted[0]  # left of the middle goes up, above it goes right: clockwise


def test_a_zoom_grows_from_the_middle() -> None:
    flow = make("zoom_in", size=(145, 193))[1].flow[0]
    assert flow[:, 72, 96].abs().max() < 1e-6
    assert flow[:, 0, 0].tolist() == pytest.approx([-0.05 * 96, -0.05 * 72], abs=1e-4)


def test_the_layer_in_front_covers_the_one_behind() -> None:
    height = SIZE[0]
    _, truth = make("layers_fast", size=SIZE)
    front = truth.flow[0, 0] == 44
    part = SCENES["layers_fast"].layers[1].part
    assert part is not None
    assert int(front.sum()) == pytest.approx(math.pi * part[2] * part[3] * height**2, rel=0.02)
    assert truth.occluded is not None
    covered = truth.occluded[0].clone()
    covered[:, -3:] = False  # leaves the picture
    covered[-1:] = False
    # Background that the ellipse moves onto, less what it covered already; 41 px further on, as
    # the background moves itself by 3.
    moved = torch.zeros_like(front)
    moved[5:, 41:] = front[:-5, :-41]
    wanted = moved & ~front
    wanted[:, -3:] = False
    wanted[-1:] = False
    assert int((covered ^ wanted).sum()) < 0.05 * int(wanted.sum())
    assert not (covered & front).any()


def test_the_same_seed_gives_the_same_footage() -> None:
    for name in ("still", "layers"):
        one, two = make(name, size=SIZE)[0], make(name, size=SIZE)[0]
        assert torch.equal(one, two)
        assert not torch.equal(one, make(name, size=SIZE, seed=1)[0])


def test_noise_repeats_without_a_seam_and_is_smooth() -> None:
    texture = made.noise_texture(3)
    assert texture.shape == (1024, 1024, 3)
    assert 0 <= float(texture.min()) <= float(texture.max()) <= 1
    assert float(texture.std()) == pytest.approx(0.18, abs=0.02)
    inside = float((texture[1:] - texture[:-1]).abs().mean())
    assert float((texture[0] - texture[-1]).abs().mean()) < 1.5 * inside
    assert inside < 0.05


def test_motion_without_noise_goes_on_from_frame_to_frame() -> None:
    frames, truth = make("shift", size=SIZE, frames=4)
    assert torch.equal(truth.flow[0], truth.flow[2])
    assert torch.allclose(frames[3, :-9, 15:], frames[0, 9:, :-15], atol=1e-5)


def test_a_layers_motion_as_a_matrix() -> None:
    matrix = Layer(move=(2, -1), turn=90, grow=2, shear=0.5).matrix
    x, y, one = (matrix @ torch.tensor([1.0, 1.0, 1.0], dtype=torch.float64)).tolist()
    assert (x, y, one) == pytest.approx((-2 + 2, 2 * 1.5 - 1, 1))  # sheared, turned, moved


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "jump"}, "scene: expected one of still, shift, .* found 'jump'"),
        ({"frames": 1}, "expected at least 2 frames of 16x16, found 1 of 192x144"),
        ({"size": (8, 192)}, "expected at least 2 frames of 16x16, found 2 of 192x8"),
        ({"picture": torch.zeros(3, 20, 20)}, "picture: expected the shape"),
    ],
)
def test_mistakes(settings: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        make(**({"name": "still", "size": SIZE} | settings))  # type: ignore[arg-type]
