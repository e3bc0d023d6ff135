"""Pictures, videos and names that are made to harm, or damaged: one message, and status 2."""

import json
import struct
import zlib
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

import chunked_clips
from kinograph.workflows.cli import main
from kinograph.workflows.graph.model import graph_as_json

DATA = Path(__file__).parents[2] / "data" / "hostile"


def graph_of(file: str, prefix: Any = "x", title: str = "Save") -> dict[str, Any]:
    """Return a graph that loads a picture or a video and saves it as pictures."""
    video = file.endswith((".mp4", ".mkv"))
    source = {"class_type": "LoadImage", "inputs": {"image": file}}
    if video:
        source = {"class_type": "LoadVideo", "inputs": {"file": file}}
    return {
        "1": source,
        "3": {"class_type": "GetVideoComponents", "inputs": {"video": ["1", 0]}},
        "2": {
            "class_type": "SaveImage",
            "inputs": {"images": ["3" if video else "1", 0], "filename_prefix": prefix},
            "_meta": {"title": title},
        },
    } | ({} if video else {"3": {"class_type": "PrimitiveInt", "inputs": {"value": 1}}})


@pytest.fixture
def answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Any:
    """Run a graph; return the exit status and the messages."""
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (8, 8)).save("tiny.png")

    def run(graph: Any, *more: str) -> tuple[int, list[str]]:
        Path("graph.json").write_text(json.dumps(graph))
        status = main(["run", "graph.json", "--output-dir", "out", *more])
        said = capsys.readouterr().err
        assert len(said) < 5000
        return status, [line for line in said.splitlines() if line.startswith("kinograph: ")]

    return run


@pytest.mark.parametrize(
    "prefix", ["a\0b", "\0", "x" * 300, "é" * 200, "\ud800", "", 10**400, "a/" + "b" * 300]
)
@pytest.mark.parametrize("more", [(), ("--chunk", "2")])
def test_prefixes_that_no_file_can_have(
    answer: Any, prefix: Any, more: tuple[str, ...], clip_path: Path
) -> None:
    status, said = answer(graph_of(str(clip_path) if more else "tiny.png", prefix), *more)
    assert status == 2
    (line,) = said
    assert "filename_prefix: expected a name of 1 to 200 bytes in UTF-8" in line
    assert len(line) < 400


def test_a_title_that_is_no_text(answer: Any) -> None:
    status, said = answer(graph_of("tiny.png", title="\ud800"))
    assert (status, said) == (0, [])
    assert Path("out/x_00001_.png").exists()


@pytest.mark.parametrize(
    "image", [None, 3, [1, 2], {"a": 1}, "", " ", "a\0b", "\ud800", "y" * 5000]
)
@pytest.mark.parametrize("node", ["LoadImage", "LoadVideo"])
def test_names_that_are_none(answer: Any, node: str, image: Any) -> None:
    graph = graph_of("tiny.png" if node == "LoadImage" else "a.mp4")
    graph["1"]["inputs"] = dict.fromkeys(graph["1"]["inputs"], image)
    status, said = answer(graph)
    assert status == 2
    (line,) = said
    assert "node 1" in line
    assert len(line) < 3000


def png(width: int, height: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """Return a PNG that promises a size and holds nothing."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n"
    for kind, body in ((b"IHDR", head), *chunks, (b"IDAT", zlib.compress(b"\0")), (b"IEND", b"")):
        crc = struct.pack(">I", zlib.crc32(kind + body))
        data += struct.pack(">I", len(body)) + kind + body + crc
    return data


def gif(width: int, height: int, frames: int) -> bytes:
    """Return a GIF with frames that promise a size and hold a pixel."""
    head = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6)
    frame = b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02\x02\x44\x01\x00"
    return head + frame * frames + b";"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.png", png(18_000, 18_000), "pixels that fits into memory, found more than"),
        ("a.png", png(2**31 - 1, 2**31 - 1), "pixels that fits into memory, found more than"),
        ("a.png", png(8, 8, (b"zTXt", b"k\0\0" + zlib.compress(bytes(2**27)))), "Decompressed"),
        ("a.gif", gif(65_535, 65_535, 5), "pixels that fits into memory, found more than"),
        ("a.gif", gif(12_000, 12_000, 5000), "5000 frames of 12000x12000, which need"),
        ("a.ppm", b"P6 99999 99999 255\n", "pixels that fits into memory, found more than"),
        (
            "a.eps",
            b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n",
            "PostScript",
        ),
        ("a.png", b"", "is not an image, or is damaged"),
        ("a.png", png(8, 8)[:40], "is not an image, or is damaged"),
    ],
)
def test_pictures_that_promise_too_much(answer: Any, name: str, content: bytes, said: str) -> None:
    Path(name).write_bytes(content)
    status, lines = answer(graph_of(name))
    assert status == 2
    (line,) = lines
    assert f"node 1 (LoadImage): {name}: " in line
    assert said in line


@pytest.mark.parametrize(
    ("name", "status", "said"),
    [
        ("damaged.ppm", 2, "is not an image, or is damaged"),
        ("damaged_a.mp4", 0, "its pixels are 214748365:1, which is ignored"),
        ("damaged_b.mp4", 2, "breaks off or is damaged after 0 of 40 frames"),
    ],
)
def test_damaged_files(
    answer: Any, capsys: pytest.CaptureFixture[str], name: str, status: int, said: str
) -> None:
    Path("graph.json").write_text(json.dumps(graph_of(str(DATA / name))))
    assert main(["run", "graph.json", "--output-dir", "out"]) == status
    out, err = capsys.readouterr()
    assert said in out + err


def test_a_frame_that_says_it_lasts_for_days(answer: Any, clip_path: Path) -> None:
    """The time step of all frames becomes 2**31 ticks."""
    data = bytearray(clip_path.read_bytes())
    at = data.index(b"stts") + 4
    (count,) = struct.unpack_from(">I", data, at + 4)
    assert count == 1
    frames, _ = struct.unpack_from(">II", data, at + 8)
    assert frames == 33
    struct.pack_into(">II", data, at + 8, frames, 2**31 - 1)
    Path("long.mp4").write_bytes(data)
    status, said = answer(graph_of("long.mp4"))
    assert status == 2
    assert "long.mp4: says that a frame lasts 139,810 s, which is damage" in said[0]


def test_a_last_frame_that_comes_days_later(answer: Any) -> None:
    with av.open("late.mkv", "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height = 32, 16
        for number in range(20):
            frame = av.VideoFrame.from_ndarray(np.full((16, 32, 3), number, np.uint8))
            for packet in stream.encode(frame):
                if number == 19:
                    packet.pts = packet.dts = 10**8
                container.mux(packet)
    status, said = answer(graph_of("late.mkv"))
    assert status == 2
    assert "late.mkv: its 20 frames say that they last" in said[0]


def test_a_canvas_that_no_memory_holds(answer: Any) -> None:
    people = [{"pose_keypoints_2d": [5.0] * 54}]
    document = [{"people": people, "canvas_height": 100_000, "canvas_width": 100_000}] * 8
    Path("poses.json").write_text(json.dumps(document))
    nodes = {
        "1": ("KinographLoadPoses", {"file": "poses.json"}),
        "2": ("KinographDrawSkeleton", {"poses": ["1", 0]}),
        "3": ("PreviewImage", {"images": ["2", 0]}),
    }
    status, said = answer(graph_as_json(chunked_clips.graph_of(nodes)))
    assert status == 2
    (line,) = said
    assert "8 pictures of 100000x100000 need 1,192.1 GiB of memory, and there are" in line
