"""The preprocessor for programs: the same answer as the stages that it is made of."""

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import kinograph
from kinograph import PoseTensorRTPreprocessor
from kinograph.engines.errors import EngineError, InputError, ModelError
from kinograph.engines.models.registry import Model, find
from kinograph.engines.pose.detect import detect_poses
from kinograph.engines.pose.families.movenet import NETWORK
from kinograph.engines.programs import pose as module
from kinograph.engines.render.skeleton import draw_skeletons
from kinograph.engines.runtime.engine import Engine
from kinograph.engines.video.clip import Clip
from program_frames import UNUSABLE, VIDEO


@pytest.fixture(scope="module")
def frames(clip: Clip) -> Tensor:
    """[F,H,W,3] with two people in some."""
    return clip.frames[6:12]


@pytest.fixture(scope="module")
def preprocessor() -> PoseTensorRTPreprocessor:
    return PoseTensorRTPreprocessor(448, "cpu", backend="torch")


def drawn(frames: Tensor, engine: Engine, **options: Any) -> Tensor:
    """What the stages give, [1,3,F,H,W] in -1..1."""
    image, _ = draw_skeletons(detect_poses(frames, engine, size=448), style="vace", **options)
    return image.movedim(-1, 0)[None] * 2 - 1


def test_it_equals_the_stages(
    frames: Tensor, engine: Engine, preprocessor: PoseTensorRTPreprocessor
) -> None:
    video = preprocessor(frames)
    assert (video.shape, video.dtype) == ((1, 3, 6, 464, 832), torch.float32)
    assert video.is_contiguous()
    assert float(video.min()) == -1
    assert float(video.max()) <= 1
    assert (video > -1).flatten(3).any(3).all()  # something in every frame and colour
    torch.testing.assert_close(video, drawn(frames, engine), rtol=0, atol=0)


def test_every_layout_is_the_same_video(
    frames: Tensor, preprocessor: PoseTensorRTPreprocessor
) -> None:
    wanted = preprocessor(frames)
    channels_first = frames.movedim(-1, 0).contiguous()
    for given in (
        channels_first,
        channels_first[None],
        channels_first.double(),
        (frames * 255).round().byte(),
        (channels_first[None] * 255).round().byte(),
    ):
        torch.testing.assert_close(preprocessor(given), wanted, rtol=0, atol=0.01)


def test_three_frames_with_the_colours_last(
    frames: Tensor, preprocessor: PoseTensorRTPreprocessor
) -> None:
    """[3,H,W,3] could be colours first: of a video that is three pixels wide."""
    assert preprocessor(frames[:3]).shape == (1, 3, 3, 464, 832)


@pytest.mark.parametrize(
    ("target", "size"),
    [
        ((None, None), (464, 832)),
        ((232, None), (232, 416)),
        ((None, 416), (232, 416)),
        ((480, 480), (480, 480)),
    ],
)
def test_the_target_size(
    frames: Tensor,
    engine: Engine,
    preprocessor: PoseTensorRTPreprocessor,
    target: tuple[int | None, int | None],
    size: tuple[int, int],
) -> None:
    """Detection does not depend on it: drawn in another size, not seen in another."""
    video = preprocessor(frames, *target)
    assert video.shape == (1, 3, 6, *size)
    torch.testing.assert_close(video, drawn(frames, engine, size=size), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("wanted", "size"),
    [(640, 640), (650, 640), (656, 672), (655, 640), (1, 128), (130, 128), (4000, 1024)],
)
def test_the_nearest_detection_size(wanted: int, size: int) -> None:
    assert module.nearest_size(NETWORK, wanted) == size


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch, engine: Engine) -> list[dict[str, Any]]:
    """The requests for engines, which are all answered with the same one."""
    requests: list[dict[str, Any]] = []

    def build(model: Model, network: object, **request: Any) -> Engine:
        requests.append(request)
        return engine

    monkeypatch.setattr(module, "build_engine", build)
    return requests


def test_nothing_is_built_before_it_is_needed(builds: list[dict[str, Any]]) -> None:
    made = PoseTensorRTPreprocessor(detect_resolution=128, device="cpu")
    assert builds == []
    assert made.report().startswith("nothing is built yet")
    made.warmup()
    made.warmup(60, 100)
    made(torch.zeros(1, 3, 2, 60, 100))
    assert builds == [{"backend": "auto", "precision": "auto", "device": "cpu"}]


def test_threads_build_once(builds: list[dict[str, Any]]) -> None:
    made = PoseTensorRTPreprocessor(128, "cpu", fp16=False)
    barrier = threading.Barrier(4)
    results: list[Tensor] = []

    def call() -> None:
        barrier.wait()
        results.append(made(torch.zeros(2, 64, 64, 3)))

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    assert [request["precision"] for request in builds] == ["fp32"]


def test_the_report_says_what_runs(preprocessor: PoseTensorRTPreprocessor) -> None:
    preprocessor.warmup()
    report = preprocessor.report()
    assert "runs on torch in fp32 on cpu" in report
    assert "not fp16: that is for GPUs, this runs on cpu" in report
    assert "detection size 448:" not in report
    other = PoseTensorRTPreprocessor(450, "cpu", False, backend="torch")
    other.warmup()
    assert "detection size 448: the nearest to 450" in other.report()
    assert "not fp16" not in other.report()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_an_error() -> None:
    made = PoseTensorRTPreprocessor()
    for _ in range(2):
        with pytest.raises(EngineError, match=r'device cuda: .*; try: .*; or give device="cpu"'):
            made.warmup()


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"detect_resolution": 0}, InputError, "detect_resolution: expected at least 1, found 0"),
        ({"style": "bones"}, InputError, "style: expected one of .*, found 'bones'"),
        ({"max_people": 0}, InputError, "max_people: expected at least 1, found 0"),
        ({"score_threshold": 2}, InputError, "score_threshold: expected 0..1, found 2"),
        ({"keypoint_threshold": -1}, InputError, "keypoint_threshold: expected 0..1, found -1"),
        ({"model": "posenet"}, ModelError, "model: expected one of .*, found 'posenet'"),
        ({"backend": "cuda"}, EngineError, "backend: expected auto or .*, found 'cuda'"),
        ({"device": "gpu"}, EngineError, "device: expected auto, cpu or cuda, found 'gpu'"),
        ({"device": "meta"}, EngineError, "device meta: PyTorch cannot compute on it here; give"),
        ({"device": "mps"}, EngineError, "device mps: PyTorch cannot compute on it here; give"),
        ({"device": "xla"}, EngineError, "device xla: PyTorch cannot compute on it here; give"),
    ],
)
def test_unusable_settings(settings: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        PoseTensorRTPreprocessor(**{"device": "cpu", **settings}).warmup()


def test_a_network_that_has_to_be_told_where_people_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        module, "resolve", lambda name, accept: Model.of_file(find(name), Path("x"))
    )
    made = PoseTensorRTPreprocessor(device="cpu", model="dwpose")
    with pytest.raises(InputError, match=r"dwpose is a top-down model"):
        made.warmup()


@pytest.mark.parametrize(("frames", "message"), UNUSABLE)
def test_unusable_frames(preprocessor: PoseTensorRTPreprocessor, frames: Any, message: str) -> None:
    with pytest.raises(InputError, match=f"^frames: .*{message}"):
        preprocessor(frames)


@pytest.mark.parametrize("target", [(0, None), (None, -3), (64, 0)])
def test_unusable_target_sizes(
    preprocessor: PoseTensorRTPreprocessor, target: tuple[int | None, int | None]
) -> None:
    with pytest.raises(InputError, match=r"size: expected at least 1x1"):
        preprocessor(VIDEO, *target)


def test_it_is_part_of_the_package() -> None:
    assert kinograph.PoseTensorRTPreprocessor is module.PoseTensorRTPreprocessor
    assert set(kinograph.__all__) <= set(dir(kinograph))
    for name in kinograph.__all__:
        assert getattr(kinograph, name)
    with pytest.raises(AttributeError, match=r"'kinograph' has no attribute 'NODE_CLASS_MAPPINGS'"):
        _ = kinograph.NODE_CLASS_MAPPINGS


# As ComfyUI loads a pack: by path, under the folder's name.
_BY_PATH = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location(
    "/x/kino", r"{root}/__init__.py", submodule_search_locations=[r"{root}"]
)
sys.modules["/x/kino"] = package = importlib.util.module_from_spec(spec)
spec.loader.exec_module(package)
assert "PoseTensorRTPreprocessor" in dir(package)
assert "torch" not in sys.modules
print(package.PoseTensorRTPreprocessor.__module__)
"""


def test_it_is_imported_when_it_is_asked_for(root: Path, tmp_path: Path) -> None:
    code = _BY_PATH.replace("{root}", str(root))
    out = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert out.stdout.strip() == "/x/kino.engines.programs.pose"
