"""Pixels of labelled images: the same held, kept in a file, and read each time."""

import os
from pathlib import Path

import pytest
import torch

from kinograph.engines.datasets.coco_yolo.read import LabelledImages, read_coco_yolo
from kinograph.engines.datasets.synthesise import write_cuboids
from kinograph.engines.errors import MediaError
from kinograph.engines.training.pixels import HeldPixels, ReadPixels, held_pixels, kept_pixels

SIZE = (32, 64)


@pytest.fixture
def data(tmp_path: Path) -> LabelledImages:
    write_cuboids(tmp_path / "c", {"train": 5}, size=(48, 48))
    return read_coco_yolo(tmp_path / "c")


def test_all_ways_give_the_same_pixels(data: LabelledImages, tmp_path: Path) -> None:
    told: list[int] = []
    held = held_pixels(data, SIZE, progress=told.append)
    assert (held.shape, held.dtype, sum(told)) == ((5, 3, 32, 64), torch.uint8, 5)
    chosen = torch.tensor([3, 0, 3, 4])
    folder = tmp_path / "cache"
    ways = [HeldPixels(held), ReadPixels(data.images, SIZE, workers=2)]
    ways.append(HeldPixels(kept_pixels(data, SIZE, folder)))
    for way in ways:
        way.expect(torch.tensor([4, 1]))
        assert torch.equal(way.at(chosen), held[chosen])
        assert torch.equal(way.at(chosen[:1]), held[chosen[:1]])
    (file,) = folder.iterdir()
    before = file.stat().st_mtime_ns
    assert torch.equal(kept_pixels(data, SIZE, folder), held)
    assert file.stat().st_mtime_ns == before
    image = data.images[2].image
    assert image is not None
    os.utime(image, ns=(1, 1))
    kept_pixels(data, SIZE, folder)
    assert len(list(folder.iterdir())) == 2
    file.write_bytes(b"short")
    os.utime(image, ns=(1, 1))
    again = read_coco_yolo(data.root)
    files = sorted(folder.iterdir(), key=lambda path: path.stat().st_size)
    files[-1].write_bytes(b"short")
    with pytest.raises(MediaError, match=r"\.u8: expected 30720 bytes; delete it"):
        kept_pixels(again, SIZE, folder)


def test_a_damaged_image_is_named_whoever_reads_it(data: LabelledImages, tmp_path: Path) -> None:
    image = data.images[2].image
    assert image is not None
    image.write_bytes(image.read_bytes()[:200])
    with pytest.raises(MediaError, match=r"000002\.png: is not an image, or is damaged"):
        held_pixels(data, SIZE)
    with pytest.raises(MediaError, match=r"000002\.png: is not an image, or is damaged"):
        kept_pixels(data, SIZE, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []
    reader = ReadPixels(data.images, SIZE)
    assert len(reader.at(torch.tensor([0, 1]))) == 2
    reader.expect(torch.tensor([2]))
    with pytest.raises(MediaError, match=r"000002\.png: is not an image, or is damaged"):
        reader.at(torch.tensor([2]))
