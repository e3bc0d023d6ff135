"""The nodes, and the shared graph: a clip with sound at four times its size."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from kinograph.engines.errors import InputError, ModelError
from kinograph.engines.models.registry import Model, resolve
from kinograph.engines.runtime.engine import Engine, build_engine
from kinograph.engines.runtime.network import network_of
from kinograph.engines.upscale.families.realesr_compact import Compact
from kinograph.engines.upscale.upscale import Upscaler
from kinograph.engines.video.clip import Audio, Clip
from kinograph.engines.video.write import write_video
from kinograph.nodes.standin import host
from kinograph.nodes.upscale.load_file import LoadUpscaleFile
from kinograph.nodes.upscale.upscale import UpscaleImages, _Step
from kinograph.workflows.cli import main
from kinograph.workflows.execution import run_graph as run_module
from kinograph.workflows.graph.shipped import DEMO_GRAPH

GRAPH = DEMO_GRAPH.parent / "upscale.json"
FRAMES = 19


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """19 frames of 48x32 with a second of sound."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    ramp = torch.linspace(0, 1, 48).expand(FRAMES, 32, 48)
    drift = torch.linspace(0, 0.5, FRAMES).view(-1, 1, 1).expand_as(ramp)
    frames = torch.stack([ramp, drift, 1 - ramp], -1)
    sound = Audio(torch.sin(torch.arange(44100) / 20).view(1, 1, -1) * 0.3, 44100)
    write_video(path, Clip(frames, Fraction(19), sound))
    return path


def decoded(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.stack([f.to_ndarray(format="rgb24") for f in container.decode(video=0)])


def run(folder: Path, *words: str) -> int:
    return main(["run", str(GRAPH), "--output-dir", str(folder), "--device", "cpu", *words])


def test_the_shared_graph(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody says --chunk: memory does not grow with the clip, as the frames come in eights."""
    taken: list[int] = []
    update = Upscaler.update

    def watched(self: Upscaler, frames: torch.Tensor, *more: object) -> torch.Tensor:
        taken.append(len(frames))
        return update(self, frames, *more)

    monkeypatch.setattr(Upscaler, "update", watched)
    assert run(tmp_path, "--set", f"1.file={clip}") == 0
    said = capsys.readouterr()
    assert "frames/s" in said.err
    assert "warning" not in said.out + said.err
    assert sum(taken) == FRAMES
    assert max(taken) <= 8
    made = tmp_path / "upscaled_00001_.mp4"
    found = decoded(made)
    assert found.shape == (FRAMES, 128, 192, 3)
    small = found.reshape(FRAMES, 32, 4, 48, 4, 3).mean((2, 4))
    assert np.abs(small - decoded(clip)).mean() < 4
    with av.open(str(made)) as container:
        (sound,) = container.streams.audio
        assert 0.9 < float(container.duration / av.time_base) < 1.1
        assert sound.rate == 44100
    monkeypatch.setattr(run_module, "_own_chunk", lambda plan, nodes: 0)
    taken.clear()
    assert run(tmp_path / "whole", "--set", f"1.file={clip}") == 0
    assert taken == [FRAMES]
    assert np.array_equal(decoded(tmp_path / "whole" / "upscaled_00001_.mp4"), found)


def test_any_size_by_set(clip: Path, tmp_path: Path) -> None:
    assert run(tmp_path, "--set", f"1.file={clip}", "--set", "5.scale=2") == 0
    assert decoded(tmp_path / "upscaled_00001_.mp4").shape == (FRAMES, 64, 96, 3)


@pytest.mark.parametrize(
    ("setting", "message"),
    [("5.width=20000", "width"), ("5.scale=0.001", "expected a result of 1 to 16384 px a side")],
)
def test_sizes_that_make_no_sense(
    setting: str, message: str, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, "--set", f"1.file={clip}", "--set", setting) == 2
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said
    assert not list(tmp_path.glob("*.mp4"))


@pytest.fixture(scope="module")
def engine(compact: Model) -> Engine:
    return build_engine(
        compact, network_of(compact), backend="torch", device="cpu", max_batch=4, sizes=(16, 256)
    )


SETTINGS = {
    "scale": 0.0,
    "width": 0,
    "height": 0,
    "tile": 0,
    "overlap": 0,
    "strength": 1.0,
    "colour_lock": True,
    "eight_bit": False,
}


def test_what_the_node_says(engine: Engine, picture: torch.Tensor) -> None:
    output = UpscaleImages.execute(picture[:, :70, :90], engine, **{**SETTINGS, "tile": 64})
    assert output.args[0].shape == (1, 280, 360, 3)
    assert output.ui.value == (
        "1 frame of 90x70 to 360x280 by realesr_animevideov3_x4, 4 tiles of 64x64 per frame, exact"
    )


def test_chunks_are_whole_batches(engine: Engine) -> None:
    inputs = {"image": torch.zeros(9, 64, 64, 3), "engine": engine, **SETTINGS}
    assert _Step(UpscaleImages).takes(0, 9, inputs) == 8
    assert _Step(UpscaleImages).takes(8, 3, inputs) == 0


def test_an_engine_of_another_kind(picture: torch.Tensor) -> None:
    pose = resolve("movenet_multipose")
    engine = build_engine(pose, network_of(pose), backend="torch", device="cpu")
    with pytest.raises(InputError, match="choose a model in Load Upscale Model"):
        UpscaleImages.execute(picture, engine, **SETTINGS)


def test_own_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "models_folder", lambda: tmp_path)
    state = {name: value.clone() for name, value in Compact(16, 1, 3).state_dict().items()}
    save_file(state, tmp_path / "own.safetensors")
    output = LoadUpscaleFile.execute("auto", " own.safetensors ")
    assert output.args[0].name == "realesr_compact:own.safetensors"
    assert output.ui.value == "realesr_compact, 3x"
    with pytest.raises(
        ModelError, match=r"expected the weights of an RRDBNet .* choose the family"
    ):
        LoadUpscaleFile.execute("rrdbnet", "own.safetensors")
    for name in ("../own.safetensors", "", "other.safetensors"):
        with pytest.raises(ModelError):
            LoadUpscaleFile.execute("auto", name)
