"""The preprocessor for programs: the same answer as the stages, and as the whole at once."""

import hashlib
import math
import threading
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor
from torchvision.models.optical_flow import raft_small

import kinograph
from kinograph import OpticalFlowTensorRTPreprocessor
from kinograph.engines.errors import EngineError, InputError, ModelError
from kinograph.engines.flow import choose as choosing
from kinograph.engines.flow.estimate import estimate_flow
from kinograph.engines.flow.flow import Flow
from kinograph.engines.flow.resize import stretched
from kinograph.engines.models.registry import Asset, Model, resolve
from kinograph.engines.programs import flow as module
from kinograph.engines.programs.flow_stream import FlowStream
from kinograph.engines.render.flow_drawing import draw_flow
from program_frames import UNUSABLE, VIDEO

SIZE = (40, 64)


def moving(count: int = 9, size: tuple[int, int] = SIZE) -> Tensor:
    """[F,H,W,3] soft noise that moves, by a different way in every frame."""
    random = torch.Generator().manual_seed(0)
    coarse = torch.rand(1, 3, 16, 20, generator=random)
    wide = F.interpolate(coarse, (size[0] + 40, size[1] + 40), mode="bicubic").clamp(0, 1)[0]
    steps = [(0, 0), (1, 2), (1, 3), (4, 4), (4, 4), (3, 8), (9, 9), (8, 6), (8, 5), (2, 5)]
    rows = [wide[:, y : y + size[0], x : x + size[1]] for y, x in steps[:count]]
    return torch.stack(rows).movedim(1, -1).contiguous()


@pytest.fixture(scope="module")
def frames() -> Tensor:
    return moving()


def made(height: int | None = None, width: int | None = None, **options: Any) -> Any:
    return OpticalFlowTensorRTPreprocessor(
        height, width, **{"device": "cpu", "model": "dis", **options}
    )


def drawn(flow: Flow, **options: Any) -> Tensor:
    """What the stages give for a flow: [1,3,F,H,W] in -1..1."""
    return draw_flow(flow, **options).image.movedim(-1, 0)[None] * 2 - 1


def test_it_equals_the_stages(frames: Tensor) -> None:
    video = made()(frames)
    assert (video.shape, video.dtype) == ((1, 3, 9, *SIZE), torch.float32)
    assert video.is_contiguous()
    assert -1 <= float(video.min()) < 0
    assert float(video.max()) <= 1
    flow = estimate_flow(frames)
    assert float(flow.main[4].abs().median()) > 0.5  # it does move
    torch.testing.assert_close(video, drawn(flow), rtol=0, atol=1e-6)
    backward = made(direction="backward", size=60, preset="fast")(frames)
    wanted = estimate_flow(frames, direction="backward", size=60, preset="fast")
    torch.testing.assert_close(backward, drawn(wanted), rtol=0, atol=1e-6)


def test_every_layout_is_the_same_video(frames: Tensor) -> None:
    frames = (frames * 255).round() / 255
    wanted = made()(frames)
    channels_first = frames.movedim(-1, 0).contiguous()
    for other in (
        channels_first,
        channels_first[None],
        channels_first.double(),
        (frames * 255).round().byte(),
        (channels_first[None] * 255).round().byte(),
    ):
        torch.testing.assert_close(made()(other), wanted, rtol=0, atol=0.02)


def test_three_frames_with_the_colours_last(frames: Tensor) -> None:
    """[3,H,W,3] could be colours first: of a video that is three pixels wide."""
    assert made()(frames[:3]).shape == (1, 3, 3, *SIZE)


# --- chunks -----------------------------------------------------------------------------------


def cut(frames: Tensor, cuts: list[int]) -> list[Tensor]:
    return [part for part in frames.tensor_split(sorted(cuts)) if len(part)]


@settings(deadline=None, max_examples=15)
@given(
    cuts=st.lists(st.integers(1, 8), max_size=8, unique=True),
    normalise=st.sampled_from(["vace", "ema", "fixed"]),
    first=st.sampled_from(["white", "zero", "duplicate"]),
    size=st.sampled_from([(None, None), (30, 90)]),
)
def test_chunks_equal_the_whole(
    cuts: list[int], normalise: str, first: str, size: tuple[int | None, int | None]
) -> None:
    if first == "duplicate":
        cuts = [place for place in cuts if place > 1]  # a single frame has nothing to duplicate
    options = {"normalise": normalise, "first_frame": first, "noise_floor": 0.3}
    frames = moving()
    stream = made(*size, **options)
    chunks = torch.cat([stream(part) for part in cut(frames, cuts)], 2)
    torch.testing.assert_close(chunks, made(*size, **options)(frames), rtol=0, atol=1e-6)


def test_reset_begins_another_video(frames: Tensor) -> None:
    stream = made()
    wanted = stream(frames[:4])
    assert not torch.equal(stream(frames[:4]), wanted)  # goes on from the fourth frame
    stream.reset()
    torch.testing.assert_close(stream(frames[:4]), wanted, rtol=0, atol=0)
    stream.reset()
    assert stream(moving(3, (24, 32))).shape == (1, 3, 3, 24, 32)


def test_clip_takes_the_whole_video_in_one_call(frames: Tensor) -> None:
    stream = made(normalise="clip")
    wanted = drawn(estimate_flow(frames), normalise="clip")
    torch.testing.assert_close(stream(frames), wanted, rtol=0, atol=1e-6)
    with pytest.raises(InputError, match=r"normalise: clip needs the whole video in one call"):
        stream(frames)
    stream.reset()
    torch.testing.assert_close(stream(frames), wanted, rtol=0, atol=1e-6)


def test_other_frames_without_a_reset(frames: Tensor) -> None:
    stream = made()
    stream(frames[:2])
    message = r"frames: expected 64x40 as in the call before, found 32x24; call reset\(\)"
    with pytest.raises(InputError, match=message):
        stream(moving(3, (24, 32)))
    after = stream(frames[2:])  # as if it had not been asked
    whole = made()(frames)
    torch.testing.assert_close(after, whole[:, :, 2:], rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("first", "value", "warned"), [("duplicate", 1, True), ("white", 1, False), ("zero", -1, False)]
)
def test_one_frame_first(
    frames: Tensor, caplog: pytest.LogCaptureFixture, first: str, value: int, warned: bool
) -> None:
    stream = made(first_frame=first)
    map_ = stream(frames[:1])
    assert map_.shape == (1, 3, 1, *SIZE)
    assert bool((map_ == value).all())
    assert ("a single frame, which has no motion to duplicate" in caplog.text) is warned
    torch.testing.assert_close(stream(frames[1:2]), made()(frames)[:, :, 1:2], rtol=0, atol=0)


@pytest.mark.parametrize(("first", "value"), [("white", 1), ("zero", -1)])
def test_the_first_frame_of_several(frames: Tensor, first: str, value: int) -> None:
    video = made(first_frame=first)(frames)
    assert bool((video[:, :, 0] == value).all())
    torch.testing.assert_close(video[:, :, 1:], made()(frames)[:, :, 1:], rtol=0, atol=0)


def test_threads_build_once_and_share_the_video(
    frames: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    choices: list[str] = []

    def choose(model: str, **request: Any) -> choosing.Choice:
        choices.append(model)
        return choosing.choose(model, **request)

    monkeypatch.setattr(module, "choose", choose)
    stream = made()
    barrier = threading.Barrier(4)
    results: list[Tensor] = []

    def call() -> None:
        barrier.wait()
        results.append(stream(frames[:2].repeat(2, 1, 1, 1)))

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert choices == ["dis"]
    # one was first and begins with a duplicate, the others go on from the same last frame
    starts = [torch.equal(video[:, :, 0], video[:, :, 1]) for video in results]
    assert sorted(starts) == [False, False, False, True]


# --- sizes and strength -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("own", "target", "size"),
    [
        ((None, None), (None, None), (40, 64)),
        ((20, None), (None, None), (20, 32)),
        ((None, 32), (None, None), (20, 32)),
        ((48, 48), (None, None), (48, 48)),
        ((48, 48), (20, None), (20, 48)),
        ((None, None), (80, None), (80, 128)),
    ],
)
def test_the_size_of_the_maps(
    frames: Tensor,
    own: tuple[int | None, int | None],
    target: tuple[int | None, int | None],
    size: tuple[int, int],
) -> None:
    """The flow does not depend on it: it is that of the frames, stretched."""
    video = made(*own)(frames, *target)
    assert video.shape == (1, 3, 9, *size)
    wanted = drawn(Flow(stretched(estimate_flow(frames).main, size)))
    torch.testing.assert_close(video, wanted, rtol=0, atol=1e-6)


def test_maps_are_of_512_by_512_like_the_peer(frames: Tensor) -> None:
    made_so = OpticalFlowTensorRTPreprocessor(device="cpu", model="dis")
    assert made_so(frames[:2]).shape == (1, 3, 2, 512, 512)
    assert "- maps of 512x512 from frames of 64x40" in made_so.report()


def test_stretched_vectors_are_scaled_for_each_axis() -> None:
    flow = torch.tensor([3.0, -2.0])[None, :, None, None].expand(2, 2, 20, 30).contiguous()
    wanted = torch.tensor([3.0 * 60 / 30, -2.0 * 10 / 20])
    found = stretched(flow, (10, 60))
    assert found.shape == (2, 2, 10, 60)
    torch.testing.assert_close(found, wanted[None, :, None, None].expand_as(found))
    assert stretched(flow[:0], (10, 60)).shape == (0, 2, 10, 60)
    assert stretched(flow, (20, 30)) is flow


def test_strength(frames: Tensor) -> None:
    whole, twice = (made(flow_strength=strength)(frames) for strength in (1.0, 2.0))
    assert bool((made(flow_strength=0.0)(frames) == 1).all())
    assert float(twice.mean()) < float(whole.mean()) - 0.03  # further from white
    flow = estimate_flow(frames)
    torch.testing.assert_close(twice, drawn(flow, strength=2.0), rtol=0, atol=1e-6)


def test_the_noise_of_a_still_picture(frames: Tensor) -> None:
    noise = torch.randn(4, *SIZE, 3, generator=torch.Generator().manual_seed(0)) / 100
    still = (frames[:1] + noise).clamp(0, 1)
    assert float(made(noise_floor=0.0)(still).min()) < 0
    assert bool((made()(still) == 1).all())


# --- which estimator --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def raft(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """RAFT with random weights."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("raft") / "raft.safetensors"
    save_file(raft_small(weights=None).state_dict(), path)
    entry = replace(
        resolve("movenet_multipose").entry,
        name=choosing.AUTO,
        task="flow",
        family="raft_small",
        recommended_size=512,
        files=(
            Asset(
                name="weights",
                file=path.name,
                sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
                url="https://example.org/raft.safetensors",
            ),
        ),
    )
    return Model.of_file(entry, path)


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch, raft: Model) -> Model:
    """The registry has it, and its file is at hand."""
    models = {**choosing.registry(), raft.name: raft.entry}
    monkeypatch.setattr(choosing, "registry", lambda: models)
    monkeypatch.setattr(choosing, "find", models.__getitem__)

    def at_hand(name: str, accept: bool) -> Model:
        return raft if name == raft.name else resolve(name, accept=accept)

    monkeypatch.setattr(choosing, "resolve", at_hand)
    return raft


@pytest.fixture
def on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """`choose` sees a GPU; engines are asked for there and built on the CPU."""
    requests: list[dict[str, Any]] = []
    real_ladder, real_build = choosing.ladder, choosing.build_engine

    def seen(backend: str, *, device: str) -> Any:
        way = real_ladder(backend, device="cpu")
        return replace(way, rungs=(replace(way.rungs[0], device=torch.device("cuda")),))

    def build(model: Model, network: Any, **request: Any) -> Any:
        requests.append(request)
        return real_build(model, network, backend="torch", device="cpu")

    monkeypatch.setattr(choosing, "check_device", lambda device: None)
    monkeypatch.setattr(choosing, "ladder", seen)
    monkeypatch.setattr(choosing, "build_engine", build)
    return requests


def test_auto_is_raft_on_a_gpu(
    known: Model, on_a_gpu: list[dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    stream = OpticalFlowTensorRTPreprocessor(None, None)
    assert stream.report().startswith("nothing is built yet")
    stream.model = "auto"
    frames = moving(2, (128, 128))
    video = stream(frames)
    assert on_a_gpu == [{"backend": "auto", "precision": "auto", "device": "cuda"}]
    engine = stream._chosen().engine
    torch.testing.assert_close(video, drawn(estimate_flow(frames, engine)), rtol=0, atol=1e-6)
    assert "runs on torch in fp32 on cpu" in stream.report()
    assert not caplog.records


def test_chunks_equal_the_whole_with_a_network(known: Model) -> None:
    frames = moving(3, (128, 128))
    options = {"model": known.name, "backend": "torch", "normalise": "fixed"}
    stream = made(**options)
    chunks = torch.cat([stream(part) for part in frames.split([2, 1])], 2)
    # Random weights make wild flow, and other batches round otherwise: some hues turn.
    difference = (chunks - made(**options)(frames)).abs()
    assert float(difference.mean()) < 1e-3


def unreachable(name: str, accept: bool) -> Model:
    raise ModelError(f"model {name}: not on this machine and the Hub cannot be reached")


def test_without_weights_auto_is_dis_and_says_so(
    known: Model,
    on_a_gpu: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(choosing, "resolve", unreachable)
    choice = choosing.choose("auto")
    assert (choice.engine, choice.device.type) == (None, "cuda")
    reason = f"not {choosing.AUTO}: model {choosing.AUTO}: not on this machine and the Hub"
    assert reason in choice.report()
    assert "runs on OpenCV's DIS, on the CPU, with maps on cuda" in choice.report()
    assert reason in caplog.text
    for request in ({"model": choosing.AUTO}, {"backend": "tensorrt"}):
        with pytest.raises(ModelError, match="the Hub cannot be reached"):
            choosing.choose(**request)
    assert on_a_gpu == []


def test_weights_that_were_fetched_are_taken(
    known: Model,
    on_a_gpu: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("KINOGRAPH_MODELS_DIR", str(tmp_path))
    asked = []

    def remembered(name: str, accept: bool) -> Model:
        asked.append(name)
        return known

    monkeypatch.setattr(choosing, "resolve", remembered)
    choosing.choose("auto")
    (tmp_path / choosing.find(choosing.TRAINED_LONGER).main.file).write_bytes(b"weights")
    choosing.choose("auto")
    assert asked == [choosing.AUTO, choosing.TRAINED_LONGER]


def test_damaged_weights_are_an_error(
    known: Model,
    on_a_gpu: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(choosing, "resolve", unreachable)
    monkeypatch.setenv("KINOGRAPH_MODELS_DIR", str(tmp_path))
    (tmp_path / known.entry.main.file).write_bytes(b"half of it")
    with pytest.raises(ModelError):
        choosing.choose("auto")


def test_auto_is_dis_on_a_cpu_and_says_so(
    frames: Tensor, known: Model, caplog: pytest.LogCaptureFixture
) -> None:
    stream = made(model="auto")
    torch.testing.assert_close(stream(frames), made()(frames), rtol=0, atol=0)
    reason = f"not {choosing.AUTO}: it is slow on a CPU"
    assert reason in stream.report()
    assert "not fp16: that is for networks on GPUs, DIS has none" in stream.report()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert reason in caplog.text
    assert choosing.choose("auto", backend="torch", device="cpu").engine is not None


def test_dis_by_name_needs_no_words(frames: Tensor, caplog: pytest.LogCaptureFixture) -> None:
    stream = made(fp16=False)
    stream(frames)
    assert stream.report().splitlines() == [
        "runs on OpenCV's DIS, on the CPU, with maps on cpu",
        "- dis: as asked",
    ]
    assert not caplog.records


def test_dis_without_opencv(monkeypatch: pytest.MonkeyPatch) -> None:
    without: Callable[[str], Any] = lambda name: None if name == "cv2" else find_spec(name)
    monkeypatch.setattr(choosing, "find_spec", without)
    with pytest.raises(EngineError, match="not installed; run: pip install opencv-python-headless"):
        made().warmup()


def test_warmup_leaves_the_video_alone(frames: Tensor) -> None:
    stream = made(24, 24)
    stream.warmup()
    stream.warmup(60, 100)
    first = stream(frames[:4])
    stream.warmup(60, 100)
    whole = made(24, 24)(frames)
    torch.testing.assert_close(torch.cat([first, stream(frames[4:])], 2), whole, rtol=0, atol=1e-6)


# --- what cannot be used ----------------------------------------------------------------------


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_an_error() -> None:
    for stream in (OpticalFlowTensorRTPreprocessor(), made(device="cuda"), made(device="cuda:1")):
        for _ in range(2):
            with pytest.raises(EngineError, match=r'device cuda.*; try: .*; or give device="cpu"'):
                stream.warmup()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"height": 0}, InputError, "height: expected at least 1 px, or None, found 0"),
        ({"width": -8}, InputError, "width: expected at least 1 px, or None, found -8"),
        ({"flow_strength": -1}, InputError, "flow_strength: expected at least 0, found -1"),
        ({"flow_strength": math.nan}, InputError, "flow_strength: expected at least 0, found nan"),
        ({"noise_floor": -0.5}, InputError, r"noise_floor: expected at least 0, found -0\.5"),
        ({"size": -1}, InputError, "size: expected at least 0, found -1"),
        ({"first_frame": "black"}, InputError, "first_frame: expected one of .*, found 'black'"),
        ({"normalise": "max"}, InputError, "normalise: expected one of vace, .*, found 'max'"),
        ({"direction": "both"}, InputError, "direction: expected one of .*, found 'both'"),
        ({"preset": "slow"}, InputError, "preset: expected one of .*, found 'slow'"),
        ({"model": "spynet"}, ModelError, "model: expected one of auto, dis.*, found 'spynet'"),
        ({"model": "movenet_multipose"}, InputError, "movenet_multipose does not estimate flow"),
        ({"backend": "torch"}, InputError, "backend: expected auto, found 'torch': model dis"),
        ({"device": "gpu"}, EngineError, "device: expected auto, cpu or cuda, found 'gpu'"),
    ],
)
def test_unusable_settings(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        made(**options).warmup()


def test_an_unknown_backend(known: Model) -> None:
    with pytest.raises(EngineError, match=r"backend: expected auto or .*, found 'cuda'"):
        made(model="auto", backend="cuda").warmup()


@pytest.mark.parametrize(("frames", "message"), UNUSABLE)
def test_unusable_frames(frames: Any, message: str) -> None:
    stream = made()
    with pytest.raises(InputError, match=f"^frames: .*{message}"):
        stream(frames)
    assert stream(VIDEO).shape == VIDEO.shape  # nothing of it is left


@pytest.mark.parametrize("target", [(0, None), (None, -3), (64, 0)])
def test_unusable_target_sizes(target: tuple[int | None, int | None]) -> None:
    with pytest.raises(InputError, match=r"target_(height|width): expected at least 1 px"):
        made()(VIDEO, *target)


def test_it_is_part_of_the_package() -> None:
    assert kinograph.OpticalFlowTensorRTPreprocessor is module.OpticalFlowTensorRTPreprocessor
    assert "OpticalFlowTensorRTPreprocessor" in kinograph.__all__


def test_a_stream_of_its_own() -> None:
    """`FlowStream` by itself: OpenCV's DIS, maps of the frames' size."""
    frames = moving(4)
    stream = FlowStream()
    assert stream.source is None
    maps = stream.update(frames[:2])
    assert stream.source == SIZE
    with pytest.raises(InputError, match="strength: expected at least 0"):
        stream.update(frames[2:], strength=-1.0)
    maps = torch.cat([maps, stream.update(frames[2:])])  # as if it had not been asked
    torch.testing.assert_close(maps, draw_flow(estimate_flow(frames)).image, rtol=0, atol=1e-6)
