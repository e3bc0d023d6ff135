"""Heads in files: what comes back, chunks, and what is wrong with a file."""

import csv
import itertools
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from kinograph.engines import memory
from kinograph.engines.errors import InputError
from kinograph.engines.geometry.camera import Camera
from kinograph.engines.head.angles import angles, relative_to_ray
from kinograph.engines.head.files import FORMATS, read_heads, write_heads
from kinograph.engines.head.heads import Heads
from posed_heads import SIZE, made_heads, turned, turning_heads

READABLE = [name for name, made in FORMATS.items() if made.read is not None]


def zooming(frames: int) -> Camera:
    """Return a camera whose focal length grows."""
    one = Camera.of_field_of_view(SIZE, 63.0)
    return replace(one, fx=torch.linspace(90, 110, frames), fy=torch.linspace(91, 109, frames))


def equal(one: Heads, other: Heads) -> None:
    """The same heads, bit by bit."""
    assert (one.kind, len(one)) == (other.kind, len(other))
    for field in fields(Heads):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if isinstance(a, torch.Tensor):
            assert (a.dtype, a.shape) == (b.dtype, b.shape), field.name
            assert torch.equal(a, b), field.name
    a, b = one.camera, other.camera
    assert (a.size, a.axes, a.near) == (b.size, b.axes, b.near)
    assert torch.equal(a.table(torch.float64), b.table(torch.float64))


@pytest.mark.parametrize("form", READABLE)
def test_heads_come_back_bit_by_bit(form: str, tmp_path: Path) -> None:
    nobody = Heads.empty(3, SIZE, Camera.of_field_of_view(SIZE))
    for number, heads in enumerate(
        (
            turning_heads(),
            turning_heads(points=0, tracks=False),
            turning_heads(4, camera=zooming(4)),
            nobody,
        )
    ):
        path = tmp_path / f"{number}{FORMATS[form].suffix}"
        write_heads(heads, path, form, fps=25)
        equal(read_heads(path), heads)


def test_json_says_what_people_ask_for(tmp_path: Path) -> None:
    write_heads(turning_heads(), tmp_path / "x.json", "json", fps=25)
    document = json.loads((tmp_path / "x.json").read_text())
    assert (document["canvas_width"], document["landmarks"]) == (160, 468)
    assert [len(frame["heads"]) for frame in document["frames"]] == [2, 2, 1, 2, 2, 2]
    frame = document["frames"][5]
    assert (frame["frame"], frame["time"]) == (5, 0.2)
    head = frame["heads"][0]
    assert [head[name] for name in ("yaw", "pitch", "roll")] == pytest.approx([50, 5, -8], abs=1e-3)
    assert head["ray_yaw"] == pytest.approx(50 - math.degrees(math.atan2(9, 40)), abs=0.01)
    assert (head["track_id"], head["score"]) == (1, 0.95)  # in the fewest digits


def test_the_table(tmp_path: Path) -> None:
    heads = turning_heads()
    write_heads(heads, tmp_path / "x.csv", "csv", fps=25)
    with (tmp_path / "x.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    places = heads.present.nonzero().tolist()
    assert [[int(row["frame"]), int(row["face"])] for row in rows] == places
    seen = angles(relative_to_ray(heads.rotation, heads.translation))
    for row, (frame, face) in zip(rows, places, strict=True):
        assert float(row["time"]) == frame / 25
        assert int(row["track"]) == face + 1
        for names, values in (
            (("score",), heads.scores[..., None]),
            (("yaw", "pitch", "roll"), angles(heads.rotation)),
            (("ray_yaw", "ray_pitch", "ray_roll"), seen),
            (("x_cm", "y_cm", "z_cm"), heads.translation),
            (("left", "top", "right", "bottom"), heads.boxes),
        ):
            wanted = values[frame, face].tolist()
            assert [float(row[name]) for name in names] == pytest.approx(wanted, abs=6e-3)
    write_heads(heads, tmp_path / "y.csv", "csv")
    assert (tmp_path / "y.csv").read_text().splitlines()[1].startswith("0,,0,1,0.9500,-50.000,")
    with pytest.raises(InputError, match=r"x.csv: a csv file of heads is a table for people.*json"):
        read_heads(tmp_path / "x.csv")


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("cuts", [(0, 6), (0, 1, 2, 3, 6), (0, 2, 5, 6)])
def test_chunks_give_the_bytes_of_the_whole(
    form: str, cuts: tuple[int, ...], tmp_path: Path
) -> None:
    heads = turning_heads(camera=zooming(6))
    write_heads(heads, tmp_path / "whole", form, fps=24)
    parts = itertools.pairwise(cuts)
    made = FORMATS[form]
    chunks = [made.chunk(heads.slice(a, b).with_places(1), a, 24) for a, b in parts]
    (tmp_path / "chunks").write_bytes(b"".join(chunks))
    made.join(tmp_path / "chunks", tmp_path / "joined")
    assert (tmp_path / "joined").read_bytes() == (tmp_path / "whole").read_bytes()
    assert not list(tmp_path.glob("*whole.*")), "temporary files stay"


def test_what_cannot_be_written(tmp_path: Path) -> None:
    heads = turning_heads()
    with pytest.raises(InputError, match="format: expected one of json, csv, safetensors, found"):
        write_heads(heads, tmp_path / "x", "bvh")
    with pytest.raises(InputError, match="expected at least 1 frame, found none"):
        write_heads(heads.slice(0, 0), tmp_path / "x", "json")
    broken = replace(heads, boxes=heads.boxes * torch.nan)
    for form, message in (("json", "what JSON cannot hold"), ("csv", "found NaN or infinity")):
        with pytest.raises(InputError, match=message):
            write_heads(broken, tmp_path / "x", form)
    assert not list(tmp_path.iterdir())


Change = Callable[[dict[str, Any]], object]


def first(document: dict[str, Any]) -> Any:
    return document["frames"][0]["heads"][0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(format="poses"), r"format: expected heads .*, found the text 'poses'"),
        (lambda d: d.update(version=2), "version: expected version 1, found 2; a newer Kinograph"),
        (lambda d: d.pop("canvas_width"), 'expected an object with "canvas_width"'),
        (lambda d: d.update(landmarks=-1), r"landmarks: expected a whole number in 0..4096"),
        (lambda d: d.update(landmarks=5), r"heads\[0\].landmarks: expected 15 numbers, found 1404"),
        (lambda d: d.update(frames=[]), "frames: expected at least one frame"),
        (lambda d: d["frames"].pop(1), r"frames\[1\].frame: expected 1, as frames are numbered"),
        (lambda d: d["frames"][1].pop("heads"), r'frames\[1\]: expected an object with "heads"'),
        (lambda d: d["frames"][1]["camera"].update(fx=0), "expected focal lengths above 0 px"),
        (lambda d: d["camera"].update(axes="left"), "expected axes y_up or y_down, found 'left'"),
        (lambda d: d["camera"].update(near=0), "camera: expected a near plane above 0"),
        (
            lambda d: first(d).update(score=1.5),
            r"\[0\].heads\[0\].score: expected a number in 0..1",
        ),
        (lambda d: first(d).update(track_id=-2), "track_id: expected a whole number from -1"),
        (lambda d: first(d).update(box=[1, 2, 3]), "box: expected 4 numbers, found 3"),
        (lambda d: first(d)["rotation"].append(1), "rotation: expected 9 numbers, found 10"),
        (lambda d: first(d).update(yaw=40.0), "expected the yaw of its rotation, found 40 degrees"),
        (
            lambda d: first(d).update(yaw=None, pitch=None, roll=None, rotation=[2.0] * 9),
            "frame 0, head 0: rotation: expected a rotation matrix",
        ),
        (
            lambda d: first(d).update(translation=[0, 0, 5]),
            "frame 0, head 0: translation: expected z < 0",
        ),
    ],
)
def test_malformed_json(change: Change, message: str, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    write_heads(turning_heads(3), path, "json")
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))
    with pytest.raises(InputError, match=message) as caught:
        read_heads(path)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize(
    ("change", "more", "message"),
    [
        ({}, {"format": "kinograph.poses"}, "expected heads .metadata format kinograph.heads."),
        ({}, {"camera_size": "big"}, "camera_size: expected a size such as 464x832, found 'big'"),
        ({}, {"camera_near": "near"}, "camera: expected a near plane above 0, found nan"),
        ({"camera": torch.zeros(3, 4)}, {}, "expected focal lengths above 0 px, found 0"),
        ({"camera": torch.ones(3, 5)}, {}, r"camera: expected the shape \[frames,4\]"),
        ({"scores": torch.full((3, 2), 2.0)}, {}, "frame 0, head 0: score: expected 0..1"),
        ({"boxes": torch.full((3, 2, 4), math.nan)}, {}, "boxes: expected finite numbers"),
        ({"landmarks": torch.zeros(3, 1, 468, 3)}, {}, "Heads.landmarks: expected the shape"),
        ({"count": torch.tensor([3, 0, 0])}, {}, r"count: expected 0..2, found \[3, 0, 0\]"),
    ],
)
def test_malformed_safetensors(
    change: dict[str, Any], more: dict[str, str], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "x.safetensors"
    write_heads(turning_heads(3), path, "safetensors")
    about = {"format": "kinograph.heads", "version": "1", "canvas": "120x160"}
    about |= {"camera_size": "120x160", "camera_axes": "y_up", "camera_near": "0.01"}
    save_file(load_file(path) | change, path, about | more)
    with pytest.raises(InputError, match=message) as caught:
        read_heads(path)
    assert str(caught.value).startswith(str(path))


_HOSTILE = (None, True, -1, 2**63, 1e308, "", "x" * 300, [], {}, [[]], {"a": None}, [1.0] * 9)


def answer(path: Path) -> str:
    """Return what is said of a file; "" if it is read."""
    try:
        read_heads(path)
    except InputError as error:
        return str(error)
    return ""


def _places(data: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every list or object of a document with each of its keys, of long lists the first."""
    keys = data if isinstance(data, dict) else range(min(2, len(data)))
    for key in list(keys):
        yield data, key
        if isinstance(data[key], dict | list):
            yield from _places(data[key])


@pytest.mark.parametrize("value", _HOSTILE, ids=lambda value: repr(value)[:12])
def test_any_value_anywhere_is_answered(value: Any, tmp_path: Path) -> None:
    """With heads, or an `InputError` that names the file."""
    path = tmp_path / "x.json"
    write_heads(turning_heads(2, points=0), path, "json", fps=25)
    text = path.read_text()
    for number in range(len(list(_places(json.loads(text))))):
        document = json.loads(text)
        holder, key = list(_places(document))[number]
        holder[key] = value
        path.write_text(json.dumps(document))
        said = answer(path)
        assert not said or said.startswith(str(path)), key
        assert len(said) < 500 + len(str(path)), key


@pytest.mark.parametrize("form", READABLE)
def test_damaged_bytes_are_answered(form: str, tmp_path: Path) -> None:
    path = tmp_path / f"x{FORMATS[form].suffix}"
    write_heads(turning_heads(2), path, form)
    whole = path.read_bytes()
    random = Random(0)
    for number in range(60):
        data = bytearray(whole[: random.randrange(len(whole)) if number % 3 == 0 else None])
        for _ in range(number % 4):
            data[random.randrange(min(len(data), 1500))] = random.randrange(256)
        path.write_bytes(data)
        said = answer(path)
        assert not said or said.startswith(str(path))


def test_more_heads_than_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every frame has as many places as the fullest."""
    write_heads(turning_heads(3), tmp_path / "x.json", "json")
    monkeypatch.setattr(memory, "memory_limit", lambda: 20_000)
    with pytest.raises(InputError, match=r"x.json: 3 frames with up to 2 heads need .*cut the"):
        read_heads(tmp_path / "x.json")


def test_files_that_are_no_heads(tmp_path: Path) -> None:
    for name, content, message in (
        ("none.json", None, "there is no such file"),
        ("x.txt", b"", "expected a file of heads ending in .json or .safetensors, found .txt"),
        ("x", b"", "found no ending"),
        ("x.json", b'{"format": "kinograph.heads", ', "the file is cut off, write it again"),
        ("y.json", b"[]", "expected an object, found a list of 0"),
        ("x.safetensors", b"\0" * 20, "is no safetensors file, or is damaged"),
    ):
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(InputError, match=message) as caught:
            read_heads(path)
        assert str(caught.value).startswith(str(path))


def test_one_head_of_many_frames_takes_little_json(tmp_path: Path) -> None:
    rotation = torch.stack([turned(float(yaw)) for yaw in range(-20, 20)])[:, None]
    heads = made_heads(rotation, torch.tensor([[0.0, 0.0, -40.0]]).expand(40, 1, 3))
    write_heads(heads, tmp_path / "x.json", "json")
    assert (tmp_path / "x.json").stat().st_size < 40 * 1404 * 12
