"""The command as users run it: exit status, messages, files."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from kinograph.workflows.cli import main
from kinograph.workflows.graph.shipped import DEMO_GRAPH

SHIPPED = json.loads(DEMO_GRAPH.read_text())


def graph_file(folder: Path, graph: dict[str, Any]) -> str:
    path = folder / "graph.json"
    path.write_text(json.dumps(graph))
    return str(path)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder and the printed table of `kinograph demo`, run as a command of its own."""
    folder = tmp_path_factory.mktemp("demo")
    done = subprocess.run(
        [sys.executable, "-m", "kinograph.workflows.cli", "demo", "--device", "cpu"],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "frames/s" in done.stderr  # the progress bar
    return folder / "kinograph-output", done.stdout


def test_demo_leaves_its_files(demo: tuple[Path, str]) -> None:
    folder, _ = demo
    assert sorted(p.name for p in folder.iterdir()) == [
        "keypoints_00001_.json",
        "overlay_00001_.mp4",
        "pose_map_00001_.mp4",
        "vace_00001_.safetensors",
    ]
    for name in ("pose_map", "overlay"):
        with av.open(str(folder / f"{name}_00001_.mp4")) as container:
            stream = container.streams.video[0]
            assert stream.codec_context.name == "h264"
            assert (stream.width, stream.height, stream.frames) == (832, 464, 33)
            assert stream.average_rate == 15
    tensors = load_file(folder / "vace_00001_.safetensors")
    video, mask = tensors["video"], tensors["mask"]
    assert (video.shape, video.dtype) == ((1, 3, 33, 464, 832), torch.float32)
    assert (mask.shape, mask.dtype) == ((1, 1, 33, 464, 832), torch.float32)
    assert float(video.min()) == -1
    assert 0 < float(video.max()) <= 1
    assert bool((mask == 1).all())
    frames = json.loads((folder / "keypoints_00001_.json").read_text())
    assert [len(f["people"]) for f in frames] == [1] * 9 + [2] * 24


def test_demo_draws_on_the_people(demo: tuple[Path, str], clip: Any) -> None:
    """The overlay is the footage but for the skeletons, which lie within the people's boxes."""
    with av.open(str(demo[0] / "overlay_00001_.mp4")) as container:
        frame = next(container.decode(video=0)).to_ndarray(format="rgb24") / 255
    changed = np.abs(frame - clip.frames[0].numpy()).max(-1) > 0.3
    ys, xs = np.nonzero(changed)
    assert 500 < len(ys) < 5000
    assert np.percentile(xs, [2, 98]) == pytest.approx([252, 340], abs=15)
    assert np.percentile(ys, [2, 98]) == pytest.approx([18, 205], abs=20)


def test_demo_ends_with_a_table(demo: tuple[Path, str]) -> None:
    folder, text = demo
    for part in (
        "33 frames, 57 poses, at most 2 people at once",
        "runs on onnxruntime in fp32 on cpu",
        "- device cpu: as asked",
        "Detect Poses",
        "seconds",
        "total",
        str(folder / "pose_map_00001_.mp4"),
        str(folder / "vace_00001_.safetensors"),
    ):
        assert part in text


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = main(arguments)
    out, err = capsys.readouterr()
    return status, out, err


def test_run_with_set_and_output_dir(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    graph = {k: SHIPPED[k] for k in ("1", "2", "3", "4", "5", "13")}
    out = tmp_path / "a folder" / "ö"
    arguments = ["run", graph_file(tmp_path, graph), "--output-dir", str(out), "--device", "cpu"]
    arguments += ["--set", "5.max_people=1", "--set", "5.detection_size=256"]
    for count in (1, 2):  # the second run leaves the first one's file alone
        status, _, err = run(capsys, *arguments)
        assert status == 0, err
        frames = json.loads((out / f"keypoints_0000{count}_.json").read_text())
        assert max(len(f["people"]) for f in frames) == 1


@pytest.fixture
def broken(tmp_path: Path, clip_path: Path) -> dict[str, str]:
    """Files that cannot be used, by kind."""
    data = clip_path.read_bytes()
    (tmp_path / "truncated.mp4").write_bytes(data[: len(data) // 2])
    (tmp_path / "text.mp4").write_text("no video")
    with av.open(str(tmp_path / "audio.m4a"), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 44100), np.float32), format="flt", layout="mono"
        )
        frame.sample_rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return {p.name: str(p) for p in tmp_path.iterdir()}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("truncated.mp4", "truncated.mp4: is not a video that FFmpeg can read, or is cut off"),
        ("text.mp4", "text.mp4: is not a video that FFmpeg can read"),
        ("audio.m4a", "audio.m4a: has no video stream, only audio"),
        ("missing.mp4", "missing.mp4: there is no such video"),
    ],
)
def test_unusable_videos(
    broken: dict[str, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    message: str,
) -> None:
    out = tmp_path / "out"
    path = broken.get(name, name)
    status, _, err = run(
        capsys, "run", str(DEMO_GRAPH), "--set", f"1.file={path}", "--output-dir", str(out)
    )
    assert status == 2
    assert message in err
    assert "node 1 (LoadVideo)" in err
    assert "Traceback" not in err
    assert not out.exists()


def test_images_with_other_channels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Alpha goes to the mask and grey becomes RGB on loading, as in ComfyUI: both just work."""
    for mode in ("RGBA", "L", "P", "I;16"):
        path = tmp_path / f"{mode.replace(';', '')}.png"
        base = Image.new("RGB", (70, 50), (200, 90, 30))
        if mode == "I;16":
            Image.fromarray(np.full((50, 70), 3000, np.uint16)).save(path)
        else:
            base.convert(mode).save(path)
        graph = {
            "1": {"class_type": "LoadImage", "inputs": {"image": str(path)}},
            "2": {
                "class_type": "SaveImage",
                "inputs": {"images": ["1", 0], "filename_prefix": "x"},
            },
        }
        status, _, err = run(
            capsys, "run", graph_file(tmp_path, graph), "--output-dir", str(tmp_path / mode[:1])
        )
        assert status == 0, err


def test_an_error_inside_a_node_names_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    graph = {k: SHIPPED[k] for k in ("1", "2", "3", "4", "5", "13")}
    status, _, err = run(
        capsys,
        *("run", graph_file(tmp_path, graph), "--output-dir", str(tmp_path / "out")),
        *("--set", "5.detection_size=2048"),
    )
    assert status == 2
    assert "node 5 (KinographDetectPoses): engine movenet_multipose: built for" in err
    assert "graph.json" in err
    assert not (tmp_path / "out").exists()


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    from kinograph.engines.errors import GraphError

    with pytest.raises(GraphError):
        main(["run", str(tmp_path / "no.json"), "--debug"])


def test_prefixes_do_not_lead_out_of_the_output_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = tmp_path / "a.png"
    Image.new("RGB", (8, 8)).save(image)
    graph = {
        "1": {"class_type": "LoadImage", "inputs": {"image": str(image)}},
        "2": {
            "class_type": "SaveImage",
            "inputs": {"images": ["1", 0], "filename_prefix": "../../stray"},
        },
    }
    status, _, err = run(
        capsys, "run", graph_file(tmp_path, graph), "--output-dir", str(tmp_path / "out" / "in")
    )
    assert status == 2
    assert "leads out of the output folder" in err
    assert not list(tmp_path.glob("stray*"))


def test_nodes_lists_inputs_and_outputs(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "nodes")
    assert status == 0
    assert "Draw Skeleton  (KinographDrawSkeleton, Kinograph/render)" in out
    assert (
        "in   style: openpose|vace|yolo_nas|vace_body|xinsir|wan_animate|sdpose, default 'vace'"
        in out
    )
    assert "out  mask: MASK" in out
    status, out, _ = run(capsys, "nodes", "--json")
    assert json.loads(out)["LoadVideo"]["outputs"] == [{"name": "VIDEO", "type": "VIDEO"}]


def test_doctor_says_what_is_usable_and_how_to_get_the_rest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    status, out, _ = run(capsys, "doctor")
    assert status == 0
    assert f"torch        {torch.__version__}" in out
    assert "torch (cpu)" in out
    assert "movenet_multipose" in out
    if not torch.cuda.is_available():
        assert "; run: " in out


def test_bench_prints_every_stage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = tmp_path / "bench.json"
    status, out, err = run(
        capsys, "bench", "pose", "--runs", "1", "--size", "128", "--json", str(report)
    )
    assert status == 0, err
    times = json.loads(report.read_text())["ms_per_frame"]
    stages = ["decode", "preprocess", "network", "heads", "draw", "normalise", "total"]
    assert list(times) == stages
    assert all(t > 0 for t in times.values())
    assert sum(list(times.values())[:-1]) == pytest.approx(times["total"], rel=0.01)
    assert all(stage in out for stage in stages)


def test_an_unknown_device(capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = run(capsys, "bench", "pose", "--device", "abacus")
    assert status == 2
    assert "device: expected auto, cpu or cuda, found 'abacus'" in err


def test_a_defect_of_ours_is_called_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import kinograph.workflows.cli.commands.doctor as doctor

    monkeypatch.setattr(doctor, "print_doctor", lambda: 1 / 0)
    status, _, err = run(capsys, "doctor")
    assert status == 1
    assert "internal error: ZeroDivisionError" in err
    assert "--debug" in err
