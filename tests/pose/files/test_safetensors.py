"""Poses as safetensors."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from kinograph.engines.errors import InputError
from kinograph.engines.pose.files import read_poses, write_poses
from kinograph.engines.pose.poses import Poses
from pose_files import TENSORS


def test_safetensors_keeps_what_is_not_seen_and_every_type(tmp_path: Path) -> None:
    random = torch.Generator().manual_seed(0)
    wanted = Poses(
        keypoints=torch.randn(2, 3, 17, 2, generator=random).half(),
        confidence=torch.zeros(2, 3, 17),
        boxes=torch.randn(2, 3, 4, generator=random, dtype=torch.float64),
        scores=torch.rand(2, 3, generator=random).bfloat16(),
        track_ids=torch.arange(6).view(2, 3),
        count=torch.tensor([3, 1]),
        canvas=(5, 7),
        skeleton="coco_17",
    )
    path = tmp_path / "x.safetensors"
    write_poses(wanted, path, "safetensors")
    found = read_poses(path)
    for name in TENSORS:
        a, b = getattr(wanted, name), getattr(found, name)
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        assert torch.equal(a, b)
    longer = read_poses(path, frames=4)
    assert longer.count.tolist() == [3, 1, 0, 0]
    assert longer.track_ids[3].tolist() == [-1, -1, -1]
    with pytest.raises(InputError, match="expected poses for 1 frame, found 2 frames"):
        read_poses(path, frames=1)


def test_malformed_safetensors(tmp_path: Path, people: Callable[..., Poses]) -> None:
    path = tmp_path / "x.safetensors"
    good = people()
    tensors = {name: getattr(good, name) for name in TENSORS}
    metadata = {"format": "kinograph.poses", "version": "1", "canvas": "4x4", "skeleton": "coco_17"}
    nan = tensors["boxes"] * math.nan
    for change, more, message in (
        ({}, {"format": "pt"}, "expected poses .metadata format kinograph.poses., found 'pt'"),
        ({}, {"version": "2"}, "expected version 1, found '2'; a newer Kinograph wrote it"),
        ({}, {"canvas": "-4x4"}, "expected a canvas such as 464x832, found '-4x4'"),
        ({}, {"canvas": "0x4"}, "Poses.canvas: expected height and width >= 1"),
        ({}, {"skeleton": "hydra"}, "Poses.skeleton: expected one of .*, found 'hydra'"),
        ({"more": nan}, {}, "expected the tensors keypoints, .*, found .*, more, "),
        ({"boxes": nan}, {}, "boxes: expected finite numbers, found NaN"),
        ({"boxes": nan[:1].contiguous()}, {}, r"Poses.boxes: expected the shape \[4,2,4\]"),
        (
            {"scores": good.count.clone()},
            {},
            "scores: expected floating-point numbers, found torch.int64",
        ),
        ({"count": good.count + 1}, {}, r"count: expected 0..2, found \[3, 3, 3, 3\]"),
    ):
        save_file(tensors | change, path, metadata | more)
        with pytest.raises(InputError, match=message) as caught:
            read_poses(path)
        assert str(caught.value).startswith(str(path))
    save_file(tensors, path, metadata)
    whole = path.read_bytes()
    for size in (0, 7, 100, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(InputError, match="is no safetensors file, or is damaged"):
            read_poses(path)
