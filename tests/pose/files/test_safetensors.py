"""Poses as safetensors."""

import math
import tracemalloc
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from kinograph.engines.errors import InputError
from kinograph.engines.pose.files import compact, read_poses, write_poses
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


def wandering(frames: int, places: int, seed: int = 0) -> Poses:
    """Return poses of COCO's joints with people in all places."""
    random = torch.Generator().manual_seed(seed)
    return Poses(
        keypoints=torch.randn(frames, places, 17, 2, generator=random),
        confidence=torch.rand(frames, places, 17, generator=random),
        boxes=torch.randn(frames, places, 4, generator=random),
        scores=torch.rand(frames, places, generator=random),
        track_ids=torch.arange(frames * places).view(frames, places),
        count=torch.full((frames,), places),
        canvas=(480, 832),
        skeleton="coco_17",
    )


def joined(chunks: Iterable[Poses], folder: Path) -> bytes:
    """Return the file that `join` makes."""
    with (folder / "chunks").open("wb") as file:
        for chunk in chunks:
            file.write(compact.SAFETENSORS.as_chunk(chunk))
    compact.SAFETENSORS.join(folder / "chunks", folder / "joined")
    return (folder / "joined").read_bytes()


@pytest.mark.parametrize(
    "sizes",
    [
        [(3, 2)],
        [(3, 2), (5, 2)],
        [(2, 1), (4, 3), (1, 0), (7, 2)],  # the widest comes late
        [(0, 4), (2, 1)],
        [(1, 0), (2, 0)],
        [(0, 1)],
    ],
)
def test_chunks_give_the_bytes_of_the_whole(sizes: list[tuple[int, int]], tmp_path: Path) -> None:
    chunks = [wandering(*size, seed=seed) for seed, size in enumerate(sizes)]
    write_poses(Poses.cat(chunks), tmp_path / "whole", "safetensors")
    assert joined(chunks, tmp_path) == (tmp_path / "whole").read_bytes()


def test_chunks_of_every_type_give_the_bytes_of_the_whole(tmp_path: Path) -> None:
    """The types decide the order of the tensors in the file."""
    first, second = wandering(2, 1), wandering(3, 2, seed=1)
    chunks = [
        replace(first, boxes=first.boxes.double(), scores=first.scores.bfloat16()),
        replace(second, keypoints=second.keypoints.double(), scores=second.scores.bfloat16()),
    ]
    write_poses(Poses.cat(chunks), tmp_path / "whole.safetensors", "safetensors")
    assert joined(chunks, tmp_path) == (tmp_path / "whole.safetensors").read_bytes()
    assert read_poses(tmp_path / "whole.safetensors").keypoints.dtype == torch.float64


def test_chunks_that_do_not_fit_together(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is nothing to save"):
        joined([], tmp_path)
    other = replace(wandering(1, 1), canvas=(8, 8))
    with pytest.raises(InputError, match="the chunks differ in canvas or skeleton"):
        joined([wandering(1, 1), other], tmp_path)


def test_joining_takes_the_memory_of_one_chunk(tmp_path: Path) -> None:
    chunk = wandering(640, 4)
    peaks = []
    for count in (4, 40):
        joined([chunk] * count, tmp_path)
        tracemalloc.start()
        compact.SAFETENSORS.join(tmp_path / "chunks", tmp_path / "joined")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    size = len(compact.SAFETENSORS.as_chunk(chunk))
    assert size < peaks[0] < 8 * size  # copies of one chunk, and of the one before
    assert peaks[1] < 1.02 * peaks[0], [peak / size for peak in peaks]
