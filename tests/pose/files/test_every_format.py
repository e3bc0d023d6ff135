"""What is written reads back the same."""

import json
import math
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given

from kinograph.engines.document import Value, dump
from kinograph.engines.errors import InputError, MediaError
from kinograph.engines.pose.choices import FORMATS
from kinograph.engines.pose.files import read_poses, write_poses
from kinograph.engines.pose.files.coco import parse as parse_coco
from kinograph.engines.pose.files.coco import to_coco
from kinograph.engines.pose.files.predictions import parse as parse_predictions
from kinograph.engines.pose.files.predictions import to_predictions
from kinograph.engines.pose.poses import Poses
from kinograph.engines.pose.skeletons import COCO_17, OPENPOSE_18
from pose_files import EASY, as_openpose, equal, poses


@EASY
@given(wanted=poses())
@pytest.mark.parametrize("format", FORMATS)
def test_what_is_written_reads_back(format: str, wanted: Poses, room: Callable[[], Path]) -> None:
    path = room() / ("poses.safetensors" if format == "safetensors" else "clip")
    write_poses(wanted, path, format)
    found = read_poses(path, canvas=wanted.canvas, frames=len(wanted))
    if format == "coco":
        wanted = wanted.as_coco().body()
    elif format in ("pose_keypoint", "openpose"):
        wanted = as_openpose(wanted)
    equal(found, wanted)
    assert found.keypoints.shape[1] >= 1
    assert not found.keypoints[~found.present].any()
    assert bool((found.track_ids[~found.present] == -1).all())
    assert [p.name for p in path.parent.iterdir()] == [path.name]  # nothing left over


def test_files_of_the_clip(people: Callable[..., Poses], tmp_path: Path) -> None:
    write_poses(people(), tmp_path / "a" / "clip", "openpose")
    names = sorted(p.name for p in (tmp_path / "a" / "clip").iterdir())
    assert names == [f"clip_{f:012d}_keypoints.json" for f in range(4)]
    frame = json.loads((tmp_path / "a" / "clip" / names[0]).read_text())
    assert frame["version"] == 1.3
    person = frame["people"][0]
    assert person["person_id"] == [-1]
    assert len(person["pose_keypoints_2d"]) == 54
    assert person["hand_left_keypoints_2d"] == person["pose_keypoints_3d"] == []
    (tmp_path / "a" / "clip" / names[1]).unlink()  # a frame without a file is empty
    (tmp_path / "a" / "clip" / names[3]).unlink()
    found = read_poses(tmp_path / "a" / "clip", canvas=(464, 832))
    assert found.count.tolist() == [2, 0, 2]
    assert read_poses(tmp_path / "a" / "clip", canvas=(9, 9), frames=5).count.tolist()[2:] == [
        2,
        0,
        0,
    ]
    assert stat.S_IMODE((tmp_path / "a" / "clip").stat().st_mode) & 0o700 == 0o700
    with pytest.raises(MediaError, match="there are files in it already"):
        write_poses(people(), tmp_path / "a" / "clip", "openpose")


def test_nothing_is_left_where_writing_fails(people: Callable[..., Poses], tmp_path: Path) -> None:
    broken = people()
    broken.keypoints[2, 1, 3] = math.nan
    for kind in FORMATS[:-1]:
        with pytest.raises(InputError, match=r"keypoints: expected finite .* in frame 2"):
            write_poses(broken, tmp_path / "clip", kind)
    broken.confidence[2, 1, 3] = 0  # what is not seen may lie anywhere
    write_poses(broken, tmp_path / "clip.json", "coco")
    with pytest.raises(InputError, match=r"format: expected one of pose_keypoint, .*, found 'csv'"):
        write_poses(broken, tmp_path / "clip", "csv")
    (tmp_path / "file").touch()
    for kind in FORMATS:
        with pytest.raises(MediaError, match="cannot be written"):
            write_poses(people(), tmp_path / "file" / "clip", kind)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["clip.json", "file"]


def test_paths_and_settings(tmp_path: Path, people: Callable[..., Poses]) -> None:
    with pytest.raises(InputError, match=r"nothing.json: there is no such file"):
        read_poses(tmp_path / "nothing.json")
    path = tmp_path / "x.json"
    write_poses(people(), path, "coco")
    for options, message in (
        ({"canvas": (0, 9)}, r"canvas: expected height and width >= 1, found \(0, 9\)"),
        ({"canvas": (9, 9), "frames": 0}, "frames: expected at least 1, found 0"),
        ({"canvas": (9, 9), "frames": 3}, r"x.json: expected poses for 3 frames, found 4 frames"),
    ):
        with pytest.raises(InputError, match=message):
            read_poses(path, **options)
    results = Value(to_coco(people()), "x")
    with pytest.raises(InputError, match=r"image_id: expected the id of an image of the clip"):
        parse_coco(results, canvas=(9, 9), image_ids=[0, 1, 2])


def test_coco_and_openpose_joints_are_told_apart(people: Callable[..., Poses]) -> None:
    wanted = people()
    for skeleton in (COCO_17, OPENPOSE_18):
        here = wanted if skeleton is COCO_17 else wanted.as_openpose()
        document = to_predictions(here)
        del document["meta"]["skeleton"]
        assert parse_predictions(Value(document, "p")).skeleton == skeleton.name


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([{"x": float("nan")}], "what JSON cannot hold"),
        ([{"x": object()}], "what JSON cannot hold"),
    ],
)
def test_what_json_cannot_hold_is_not_written(
    tmp_path: Path, content: object, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        dump(content, tmp_path / "a.json")
    assert not (tmp_path / "a.json").exists()


def test_arrays_are_written_as_lists(tmp_path: Path) -> None:
    dump([{"pose_keypoints_2d": torch.tensor([1.5, 2.0]).numpy()}], tmp_path / "a.json")
    assert json.loads((tmp_path / "a.json").read_text()) == [{"pose_keypoints_2d": [1.5, 2.0]}]
