"""From frames to flow: sizes, chunks, directions, and what cannot be estimated."""

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchvision.models.optical_flow import raft_small

from kinograph.engines.errors import EngineError, InputError, ModelError
from kinograph.engines.flow.consistency import carried
from kinograph.engines.flow.dis import Dis
from kinograph.engines.flow.estimate import FlowEstimator, FlowState, estimate_flow
from kinograph.engines.flow.flow import Flow
from kinograph.engines.flow.resize import from_placement
from kinograph.engines.geometry.placement import Placement
from kinograph.engines.models.registry import resolve
from kinograph.engines.runtime.engine import Engine, build_engine
from kinograph.engines.runtime.network import network_of
from raft_models import random_raft

pytestmark = pytest.mark.long


def moving(frames: int, high: int = 72, wide: int = 104, step: tuple[int, int] = (3, 1)) -> Tensor:
    """A texture that moves by `step` (x, y) px per frame."""
    size = (high + 64, wide + 128)
    coarse = torch.rand(
        1, 3, size[0] // 6, size[1] // 6, generator=torch.Generator().manual_seed(3)
    )
    world = torch.nn.functional.interpolate(coarse, size=size, mode="bicubic")[0].clamp(0, 1)
    rows = []
    for i in range(frames):
        x, y = 64 - i * step[0], 32 - i * step[1]
        rows.append(world[:, y : y + high, x : x + wide])
    return torch.stack(rows).movedim(1, -1).contiguous()


@pytest.fixture(scope="module")
def raft(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """RAFT small with random weights, three updates: fast, and sensitive to everything."""
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    torch.save(raft_small(weights=None).state_dict(), folder / "random.pth")
    model = resolve("raft_small:random.pth", folder=folder).with_options(updates=3)
    return build_engine(model, network_of(model), backend="torch", device="cpu", max_batch=4)


def middle(flow: Tensor) -> Tensor:
    """[2] px, the median away from the edges"""
    return flow[:, :, 12:-12, 12:-12].flatten(2).median(-1).values.mean(0)


@pytest.mark.parametrize("preset", ["ultrafast", "fast", "medium"])
def test_known_motion(preset: str) -> None:
    flow = estimate_flow(moving(4), direction="both", preset=preset)
    assert flow.direction == "both"
    assert (len(flow), flow.frame_count, flow.size) == (3, 4, (72, 104))
    assert middle(flow.one("forward")).tolist() == pytest.approx([3, 1], abs=0.2)
    assert middle(flow.one("backward")).tolist() == pytest.approx([-3, -1], abs=0.2)


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_one_direction_is_half_of_both(direction: str, raft: Engine) -> None:
    frames = moving(3, 96, 136)
    for engine in (None, raft):
        one = estimate_flow(frames, engine, direction=direction)
        both = estimate_flow(frames, engine, direction="both")
        assert one.direction == direction
        torch.testing.assert_close(one.main, both.one(direction))


def test_vectors_are_in_pixels_of_the_frames_whatever_the_computation() -> None:
    frames = moving(3, 144, 208, (6, 2))
    for size in (104, 150, 300):
        flow = estimate_flow(frames, size=size)
        assert flow.size == (144, 208)
        assert middle(flow.main).tolist() == pytest.approx([6, 2], abs=0.2)


@pytest.mark.parametrize(
    ("source", "size", "inner", "padded"),
    [
        ((480, 832), 0, (480, 832), (480, 832)),
        ((1080, 1920), 640, (360, 640), (360, 640)),
        ((1920, 1080), 640, (640, 360), (640, 360)),
        ((100, 60), 0, (100, 60), (128, 128)),  # under RAFT's least
        ((333, 217), 0, (333, 217), (336, 224)),
        ((1, 1000), 500, (1, 500), (128, 504)),
    ],
)
def test_sizes(
    source: tuple[int, int], size: int, inner: tuple[int, int], padded: tuple[int, int]
) -> None:
    place = Placement.padded(source, size, stride=8, least=128)
    assert (place.inner, place.target) == (inner, padded)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 300), st.integers(1, 300))
def test_padding_is_undone_exactly(high: int, wide: int) -> None:
    place = Placement.padded((high, wide), 0, stride=8, least=128)
    flow = torch.rand(1, 2, high, wide)
    images = torch.cat([flow, flow[:, :1]], 1)
    padded = place.resize(images, fill=None)
    assert tuple(padded.shape[2:]) == place.target
    assert torch.equal(from_placement(padded[:, :2], place), flow)


def test_every_axis_is_scaled_by_itself() -> None:
    place = Placement.padded((301, 1000), 100, stride=8, least=128)
    assert place.inner == (30, 100)
    back = from_placement(torch.ones(1, 2, *place.target), place)
    assert back[0, 0].unique().tolist() == pytest.approx([10])
    assert back[0, 1].unique().tolist() == pytest.approx([301 / 30])


def test_small_frames_go_through_a_network(raft: Engine) -> None:
    flow = estimate_flow(moving(2, 40, 56), raft)
    assert flow.size == (40, 56)
    assert bool(flow.main.isfinite().all())


def test_the_recommended_size_is_not_exceeded(raft: Engine) -> None:
    with pytest.raises(EngineError, match="built for"):
        estimate_flow(moving(2), raft, size=4000)
    assert estimate_flow(moving(2, 128, 136), raft).size == (128, 136)


@settings(max_examples=12, deadline=None)
@given(
    st.lists(st.integers(1, 4), min_size=1, max_size=5),
    st.sampled_from(["forward", "backward", "both"]),
)
def test_chunks_equal_the_whole(lengths: list[int], direction: str) -> None:
    frames = moving(sum(lengths), 40, 56)
    whole = estimate_flow(frames, direction=direction, first="white", fps=25)
    state, rows = FlowState(), []
    for chunk in frames.split(lengths):
        estimator = FlowEstimator(direction=direction, first="white", fps=25, state=state)
        rows.append(estimator.update(chunk))
        state = estimator.state
    assert [flow.first for flow in rows] == ["white", *[""] * (len(lengths) - 1)]
    assert sum(flow.frame_count for flow in rows) == whole.frame_count
    for name in ("forward", "backward"):
        if direction in (name, "both"):
            assert torch.equal(torch.cat([flow.one(name) for flow in rows]), whole.one(name))


def test_batches_of_a_network_equal_pairs(raft: Engine) -> None:
    frames = moving(7, 128, 136)
    whole = estimate_flow(frames, raft, direction="both")
    for i in range(6):
        pair = estimate_flow(frames[i : i + 2], raft, direction="both")
        for name in ("forward", "backward"):
            torch.testing.assert_close(whole.one(name)[i], pair.one(name)[0], atol=1e-3, rtol=1e-3)


def test_both_ways_from_one_volume_is_the_clip_played_backwards(
    raft: Engine, tmp_path: Path
) -> None:
    path = raft.model.path
    model = raft.model.with_options(both=True)
    assert model.path == path
    both = build_engine(model, network_of(model), backend="torch", device="cpu", max_batch=4)
    frames = moving(4, 128, 136)
    one, two = (estimate_flow(frames, engine, direction="both") for engine in (both, raft))
    torch.testing.assert_close(one.one("forward"), two.one("forward"), atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(one.one("backward"), two.one("backward"), atol=1e-3, rtol=1e-3)


@pytest.fixture(scope="module")
def warm(raft: Engine) -> Engine:
    model = raft.model.with_options(both=True, warm=True)
    return build_engine(model, network_of(model), backend="torch", device="cpu", max_batch=4)


@pytest.mark.parametrize("direction", ["forward", "backward", "both"])
def test_warm_start_carries_over(warm: Engine, raft: Engine, direction: str) -> None:
    """The first pair is that of a cold start, the others are not; chunks equal the whole."""
    frames = moving(5, 128, 136)
    whole = estimate_flow(frames, warm, direction=direction)
    cold = estimate_flow(frames, raft, direction=direction)
    for name in ("forward", "backward"):
        if direction in (name, "both"):
            torch.testing.assert_close(whole.one(name)[0], cold.one(name)[0], atol=1e-3, rtol=1e-3)
            assert float((whole.one(name)[1:] - cold.one(name)[1:]).abs().max()) > 0.1
    estimator = FlowEstimator(warm, direction=direction)
    parts = [estimator.update(chunk) for chunk in frames.split([1, 3, 1])]
    assert torch.equal(torch.cat([part.main for part in parts]), whole.main)
    estimator.reset()
    assert torch.equal(estimator.update(frames[:2]).main, whole.main[:1])


def test_warm_start_asks_for_both_ways(raft: Engine) -> None:
    model = raft.model.with_options(warm=True)
    engine = build_engine(model, network_of(model), backend="torch", device="cpu")
    with pytest.raises(InputError, match="switch on both_ways in Load Flow Model"):
        estimate_flow(moving(3, 128, 136), engine, direction="both")


def test_warm_start_runs_in_onnxruntime(tmp_path: Path) -> None:
    """With the flow that the pair before leads to, and without one, in both directions."""
    frames = moving(3, 128, 136)
    model = random_raft(tmp_path).with_options(both=True, warm=True)
    here, there = (
        build_engine(model, network_of(model), backend=name, device="cpu", max_batch=2)
        for name in ("onnxruntime", "torch")
    )
    assert here.verdict is not None
    found, wanted = (estimate_flow(frames, engine, direction="both") for engine in (here, there))
    cold = estimate_flow(frames[1:], here, direction="both")
    for name in ("forward", "backward"):
        torch.testing.assert_close(found.one(name), wanted.one(name), atol=1e-2, rtol=1e-3)
        assert float((found.one(name)[1:] - cold.one(name)).abs().max()) > 0.1


def test_a_state_of_another_size_is_refused(warm: Engine) -> None:
    estimator = FlowEstimator(warm)
    estimator.update(moving(2, 128, 136))
    other = FlowEstimator(warm, size=256, state=estimator.state)
    with pytest.raises(InputError, match="keep size, direction and engine"):
        other.update(moving(1, 128, 136))


def test_what_moves_is_carried_along() -> None:
    flow = torch.zeros(1, 2, 64, 128)
    flow[:, 0, 16:48, 16:48] = 16
    begin = carried(flow, 8, [1])
    assert begin.shape == (1, 2, 8, 16)
    # four cells, which have moved on two
    line = [0, 0, 0, 0, 2, 2, 2, 2, *[0] * 8]
    assert begin[0, 0, 3].tolist() == pytest.approx(line, abs=1e-3)
    assert begin[0, 0, :, 5].tolist() == pytest.approx([0, 0, 2, 2, 2, 2, 0, 0], abs=1e-3)
    assert not begin[0, 1].any()
    away = torch.full((1, 2, 16, 16), 1e6)
    assert not carried(away, 8, [1]).any()
    # Backward flow says where it came from, and goes on the other way.
    back = torch.zeros(1, 2, 64, 128)
    back[:, 0, 16:48, 32:64] = -16
    line = [0] * 6 + [-2.0] * 4 + [0] * 6
    assert carried(back, 8, [-1])[0, 0, 3].tolist() == pytest.approx(line, abs=1e-3)


def test_reset_begins_another_clip() -> None:
    estimator = FlowEstimator(first="zero")
    estimator.update(moving(3, 40, 56))
    with pytest.raises(InputError, match=r"expected 56x40 as in the chunk before, found 104x72"):
        estimator.update(moving(2))
    estimator.reset()
    assert estimator.update(moving(2)).first == "zero"


def test_one_frame_has_no_motion() -> None:
    flow = estimate_flow(moving(1))
    assert (len(flow), flow.frame_count) == (0, 1)
    assert torch.equal(flow.per_frame(), torch.zeros(1, 2, 72, 104))


@pytest.mark.parametrize("first", ["duplicate", "white", "zero"])
def test_what_stands_for_the_first_frame(first: str) -> None:
    flow = Flow(torch.rand(3, 2, 4, 5), first=first)
    rows = flow.per_frame()
    assert torch.equal(rows[1:], flow.main)
    assert torch.equal(rows[0], flow.main[0] if first == "duplicate" else torch.zeros(2, 4, 5))


def test_progress_counts_every_frame() -> None:
    seen: list[int] = []
    estimator = FlowEstimator()
    estimator.update(moving(11, 40, 56), seen.append)
    estimator.update(moving(5, 40, 56), seen.append)
    assert sum(seen) == 16


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"direction": "sideways"}, "direction: expected one of forward, backward, both"),
        ({"first": "black"}, "first: expected one of duplicate, white, zero"),
        ({"preset": "slow"}, "preset: expected one of ultrafast, fast, medium"),
        ({"size": -8}, "size: expected at least 0"),
        ({"fps": 0.0}, "Flow.fps"),
    ],
)
def test_bad_settings(options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        estimate_flow(moving(2), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        (torch.full((2, 32, 32, 3), torch.nan), "NaN"),
        (torch.rand(2, 32, 32, 3) * 255, "divide by 255"),
        (torch.rand(2, 32, 32, 4), "alpha"),
        (torch.rand(2, 3, 32, 32), "3 channels"),
        (torch.zeros(0, 32, 32, 3), "no frames"),
    ],
)
def test_bad_frames(frames: Tensor, message: str) -> None:
    with pytest.raises(InputError, match=message):
        estimate_flow(frames)


def test_an_engine_of_poses_is_refused(engine: Engine) -> None:
    with pytest.raises(InputError, match="movenet_multipose does not estimate flow"):
        FlowEstimator(engine)


def test_updates_are_bounded(raft: Engine) -> None:
    with pytest.raises(ModelError, match="updates: expected 1 to 64"):
        network_of(raft.model.with_options(updates=65))
    names = {network_of(raft.model.with_options(updates=n)).name for n in (0, 6, 12)}
    assert names == {"raft_small-12", "raft_small-6"}


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({}, "neither"),
        ({"forward": torch.zeros(1, 3, 4, 4)}, r"expected the shape"),
        ({"forward": torch.zeros(1, 2, 4, 4).half()}, "expected float32"),
        (
            {"forward": torch.zeros(1, 2, 4, 4), "backward": torch.zeros(2, 2, 4, 4)},
            "Flow.backward",
        ),
        ({"forward": torch.zeros(1, 2, 4, 4), "first": "grey"}, "Flow.first"),
    ],
)
def test_what_is_no_flow(kwargs: dict[str, Tensor], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Flow(**kwargs)  # type: ignore[arg-type]


def test_asking_for_a_direction_that_is_not_there() -> None:
    with pytest.raises(InputError, match=r"expected backward flow, found forward only"):
        Flow(torch.zeros(1, 2, 4, 4)).one("backward")


def test_dis_without_opencv_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kinograph.engines.flow.dis.find_spec", lambda name: None)
    with pytest.raises(EngineError, match="pip install opencv-python-headless"):
        Dis()
