"""Core nodes that trim, save and show, whole and in chunks."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import OpenEXR
import pytest
import torch
from PIL import Image

from chunked_clips import beeps, footage, graph_of, make_inputs, make_video, panning, planned
from core_graphs import outputs_of, run_nodes, texts_of
from kinograph.engines.errors import GraphError, InputError
from kinograph.engines.video.clip import Clip
from kinograph.engines.video.read import read_video
from kinograph.nodes.standin import host
from kinograph.workflows.chunked.layout import lay_out
from kinograph.workflows.graph.catalogue import catalogue

VIDEO = {"filename_prefix": "out"}
MADE = {**footage("clip.mp4"), "c": ("CreateVideo", {"images": ["f", 0], "fps": 15.0})}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_inputs(tmp_path_factory.mktemp("clips"), 23)


def stream_of(path: Path) -> tuple[str, Any]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return container.format.name, (stream.codec.name, stream.color_primaries, stream.color_trc)


@pytest.mark.parametrize("chunk", [0, 5])
def test_save_video_with_the_options_of_newer_versions(
    chunk: int, folder: Path, tmp_path: Path
) -> None:
    def save(**options: Any) -> Path:
        given = {name.replace("__", "."): value for name, value in options.items()}
        nodes = {**MADE, "s": ("SaveVideo", {"video": ["c", 0], **VIDEO, **given})}
        report = run_nodes(nodes, tmp_path, folder, chunk=chunk)
        assert report.ok, report.errors
        assert not report.warnings
        return report.files[0]

    plain = save(format="auto", format__codec="auto", codec="auto")
    assert plain.suffix == ".mp4"
    old = save(format="mp4", codec="h264")  # as versions before have it
    assert read_video(old).frames.equal(read_video(plain).frames)
    codec = {"format__codec": "h264", "format__codec__encoding": "re-encode"}
    crf = "format__codec__encoding__crf"
    space = "format__codec__encoding__color_space"
    fine = save(format="mp4", **codec, **{crf: 1.0, space: "auto"})
    coarse = save(format="mkv", **codec, **{crf: 45.0, space: "sRGB"})
    assert coarse.suffix == ".mkv"
    assert fine.stat().st_size > plain.stat().st_size > coarse.stat().st_size
    kind, stream = stream_of(coarse)
    assert "matroska" in kind
    assert stream == ("h264", 1, 13)
    assert len(read_video(coarse).frames) == 23
    given = read_video(folder / "clip.mp4").frames
    assert (read_video(fine).frames - given).abs().mean() < 0.01


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "avi"}, "expected one of auto, mp4, mkv, webm, found 'avi'"),
        ({"format": "webm", "format.codec": "auto"}, "webm is not written here; choose mp4 or mkv"),
        ({"format": "mp4", "format.codec": "av1"}, "av1 is not written here; choose auto or h264"),
        ({"format": "mp4", "codec": "av1"}, "av1 is not written here"),
        ({"format": "webm", "format.codec": "h264"}, "expected one of auto, av1, found"),
        (
            {
                "format": "mp4",
                "format.codec": "h264",
                "format.codec.encoding": "re-encode",
                "format.codec.encoding.crf": 20,
                "format.codec.encoding.color_space": "HDR",
            },
            "color_space: HDR is not written here; choose auto or sRGB",
        ),
        (
            {
                "format": "mp4",
                "format.codec": "h264",
                "format.codec.encoding": "re-encode",
                "format.codec.encoding.crf": 99,
                "format.codec.encoding.color_space": "auto",
            },
            "input 'format.codec.encoding.crf': expected at most 51.0, found 99",
        ),
    ],
)
def test_what_is_not_written_is_refused_before_the_run(
    options: dict[str, Any], message: str, folder: Path, tmp_path: Path
) -> None:
    nodes = {**footage("clip.mp4"), "s": ("SaveVideo", {"video": ["v", 0], **VIDEO, **options})}
    with pytest.raises(GraphError, match=message):
        run_nodes(nodes, tmp_path, folder)
    assert not list(tmp_path.iterdir())


def test_a_bit_depth_that_is_not_written_is_refused(folder: Path, tmp_path: Path) -> None:
    video = {"images": ["f", 0], "fps": 15.0, "bit_depth": 10}
    save = ("SaveVideo", {"video": ["c", 0], **VIDEO, "format": "auto"})
    nodes = {**footage("clip.mp4"), "c": ("CreateVideo", video), "s": save}
    with pytest.raises(GraphError, match=r"node c \(CreateVideo\): bit_depth: expected 8"):
        run_nodes(nodes, tmp_path, folder)
    nodes["c"] = ("CreateVideo", {**video, "bit_depth": 8})
    assert run_nodes(nodes, tmp_path, folder).ok


@pytest.mark.parametrize("chunk", [0, 4])
def test_what_is_saved_is_passed_on(chunk: int, folder: Path, tmp_path: Path) -> None:
    nodes = {
        **MADE,
        "s": ("SaveVideo", {"video": ["c", 0], **VIDEO, "format": "auto"}),
        "g": ("GetVideoComponents", {"video": ["s", 0]}),
        "p": ("PreviewImage", {"images": ["g", 0]}),
        "m": ("ImageToMask", {"image": ["f", 0], "channel": "red"}),
        "w": ("MaskPreview", {"mask": ["m", 0]}),
        "k": ("MaskToImage", {"mask": ["w", 0]}),
        "i": ("ImageCompare", {"image_a": ["k", 0], "image_b": ["f", 0], "compare_view": ["", ""]}),
        "o": ("GetImageSize", {"image": ["k", 0]}),
        "t": (
            "ComfyMathExpression",
            {"expression": "a*b*c", **{f"values.{n}": ["o", i] for i, n in enumerate("abc")}},
        ),
        "z": ("PreviewAny", {"source": ["t", 1]}),
    }
    nodes["i"][1]["compare_view"] = {"__value__": ["", ""]}
    report = run_nodes(nodes, tmp_path, folder, chunk=chunk)
    assert report.ok, report.errors
    said = texts_of(report)
    assert said["p"] == said["w"] == "23 images of 96x80"
    assert said["i"].startswith("23 images of 96x80")
    assert said["z"] == str(23 * 96 * 80)


def test_pictures_of_16_bits_and_exr(tmp_path: Path) -> None:
    image = torch.linspace(0, 1, 60).view(1, 4, 5, 3)
    make = catalogue().node("SaveImageAdvanced").execute
    with host.using(host.Settings(output=tmp_path)):
        for channels in (image, image[..., :1], torch.cat([image, image[..., :1]], -1)):
            for kind, depth, space in (
                ("png", "16-bit", "sRGB"),
                ("png", "8-bit", "sRGB"),
                ("exr", "32-bit float", "sRGB"),
                ("exr", "32-bit float", "HDR"),
                ("exr", "32-bit float", "linear"),
            ):
                given = {"format": kind, "bit_depth": depth, "input_color_space": space}
                make(channels, f"{kind}{depth[:2]}{space}{channels.shape[-1]}", given)
    deep = cv2.imread(str(tmp_path / "png16sRGB3_00001_.png"), cv2.IMREAD_UNCHANGED)
    assert deep.dtype == np.uint16
    assert np.array_equal(deep[..., ::-1], (image[0] * 65535).int().numpy())
    for name, mode in (("png8-sRGB1", "L"), ("png8-sRGB3", "RGB"), ("png8-sRGB4", "RGBA")):
        with Image.open(tmp_path / f"{name}_00001_.png") as picture:
            assert picture.mode == mode
    with pytest.raises(InputError, match="expected 1, 3 or 4 channels, found 2"):
        make(image[..., :2], "x", {"format": "png", "bit_depth": "16-bit"})

    def pixels(name: str) -> Any:
        file = OpenEXR.File(str(tmp_path / f"{name}_00001_.exr"))
        (channel,) = file.channels().values()
        return channel.pixels, file.header()["chromaticities"]

    linear, primaries = pixels("exr32linear3")
    assert np.array_equal(linear, image[0].numpy())
    assert primaries[0] == pytest.approx(0.64)
    curved, _ = pixels("exr32sRGB3")
    assert curved[0, 0, 0] == 0
    assert curved.max() == pytest.approx(1)
    assert np.interp(0.5, image.flatten(), curved.flatten()) == pytest.approx(0.214, abs=1e-3)
    hlg, primaries = pixels("exr32HDR3")
    assert np.interp(0.5, image.flatten(), hlg.flatten()) == pytest.approx(1 / 12, abs=1e-3)
    assert primaries[0] == pytest.approx(0.708)


@pytest.mark.parametrize("chunk", [0, 5])
def test_pictures_carry_the_graph(chunk: int, folder: Path, tmp_path: Path) -> None:
    given = {"images": ["x", 0], "filename_prefix": "a/p", "format": "png"}
    given |= {"format.bit_depth": "16-bit", "format.input_color_space": "sRGB"}
    scale = {"image": ["f", 0], "upscale_method": "area", "largest_size": 24}
    nodes = {
        **footage("clip.mp4"),
        "x": ("ImageScaleToMaxDimension", scale),
        "s": ("SaveImageAdvanced", given),
    }
    report = run_nodes(nodes, tmp_path, folder, chunk=chunk)
    assert report.ok, report.errors
    names = [path.name for path in report.files]
    assert names == [f"p_{i:05}_.png" for i in range(1, 24)]
    with Image.open(report.files[-1]) as last:
        assert json.loads(last.text["prompt"])["s"]["inputs"]["format.bit_depth"] == "16-bit"
        assert last.size == (24, 20)
    frames = read_video(folder / "clip.mp4").frames
    expected = outputs_of("ImageScaleToMaxDimension", **{**scale, "image": frames})[0]
    deep = cv2.imread(str(report.files[-1]), cv2.IMREAD_UNCHANGED)[..., ::-1]
    assert np.array_equal(deep, (expected[-1] * 65535).int().numpy())


def test_save_text(tmp_path: Path) -> None:
    for kind, text, written in (
        ("txt", "é\n", "é\n"),
        ("json", '{"a":[1]}', '{\n  "a": [\n    1\n  ]\n}'),
        ("json", "{", "{"),
        ("md", "\ud800", "?"),
    ):
        nodes = {"1": ("SaveText", {"text": text, "filename_prefix": "t", "format": kind})}
        report = run_nodes(nodes, tmp_path)
        assert report.files[0].read_text(encoding="utf-8") == written
        assert bool(report.warnings) == (text == "{")
    nodes = {"1": ("SaveText", {"text": "a", "filename_prefix": "../t", "format": "txt"})}
    assert "leads out of the output folder" in run_nodes(nodes, tmp_path / "in").errors[0]


def trimmed(**inputs: Any) -> Clip:
    clip = Clip(panning(12), Fraction(4), beeps(3))
    given = {"start_time": 0.0, "duration": 0.0, "strict_duration": False, **inputs}
    made: Clip = outputs_of("Video Slice", video=clip, **given)[0]
    return made


@pytest.mark.parametrize(
    ("start", "duration", "frames"),
    [
        (0, 0, range(12)),
        (1, 0, range(4, 12)),
        (0.9, 1, range(4, 8)),
        (-1, 0, range(8, 12)),
        (2, 9, range(8, 12)),
    ],
)
def test_trim(start: float, duration: float, frames: range) -> None:
    made = trimmed(start_time=start, duration=duration)
    assert torch.equal(made.frames, panning(12)[list(frames)])
    assert made.audio is not None
    seconds = min(duration or 9, 3 - (start if start >= 0 else 2))
    assert made.audio.waveform.shape[-1] == int(seconds * 16000)


@pytest.mark.parametrize(
    "given", [{"start_time": 3.5}, {"start_time": 2.0, "duration": 2.0, "strict_duration": True}]
)
def test_a_trim_that_finds_too_little(given: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"from start_time \S+ s on, found \d of the video's 12"):
        trimmed(**given)


def test_a_branch_that_is_not_taken_does_not_run_in_chunks(folder: Path, tmp_path: Path) -> None:
    make_video(tmp_path / "other.mp4", 9)
    nodes = {
        **footage("clip.mp4"),
        "v2": ("LoadVideo", {"file": str(tmp_path / "other.mp4")}),
        "f2": ("GetVideoComponents", {"video": ["v2", 0]}),
        "b": ("PrimitiveBoolean", {"value": True}),
        "w": ("ComfySwitchNode", {"switch": ["b", 0], "on_false": ["f2", 0], "on_true": ["f", 0]}),
        "p": ("PreviewImage", {"images": ["w", 0]}),
    }
    plan, _ = planned(graph_of(nodes), folder)
    assert lay_out(plan, catalogue()).sources == ("f",)
    report = run_nodes(nodes, tmp_path, folder, chunk=4)
    assert texts_of(report)["p"] == "23 images of 96x80"
    nodes["b"] = ("StringContains", {"string": "a", "substring": "a", "case_sensitive": True})
    with pytest.raises(GraphError, match="by a value that is computed; type the value in"):
        run_nodes(nodes, tmp_path, folder, chunk=4)
