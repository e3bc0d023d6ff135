"""Data sets by their structure, as tiny trees of files."""

import shutil
from importlib.machinery import ModuleSpec
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from kinograph.engines.datasets import made_flow as made
from kinograph.engines.datasets.flow import Dataset, find_datasets
from kinograph.engines.errors import InputError, MediaError

HIGH, WIDE = 6, 8


def picture(path: Path, value: int = 100, size: tuple[int, int] = (WIDE, HIGH)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (value, 0, 0)).save(path)


def flo(path: Path, u: float = 1.5, v: float = -2.0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    flow = np.empty((HIGH, WIDE, 2), "<f4")
    flow[...] = u, v
    path.write_bytes(b"PIEH" + np.array([WIDE, HIGH], "<i4").tobytes() + flow.tobytes())


def kitti(path: Path, valid: NDArray[np.bool_]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.zeros((HIGH, WIDE, 3), np.uint16)  # B, G, R: valid, v, u
    pixels[..., 0] = valid
    pixels[..., 1] = 2**15 - 2 * 64
    pixels[..., 2] = 2**15 + 96
    cv2.imwrite(str(path), pixels)


def sintel(folder: Path, *, occlusions: bool = True) -> None:
    for scene in ("alley_1", "market_2"):
        for number in (1, 2, 3):
            for rendering in ("clean", "final"):
                picture(folder / rendering / scene / f"frame_{number:04}.png", 50 * number)
        for number in (1, 2):
            flo(folder / "flow" / scene / f"frame_{number:04}.flo")
            if occlusions:
                mask = np.zeros((HIGH, WIDE), np.uint8)
                mask[:, 0] = 255
                path = folder / "occlusions" / scene / f"frame_{number:04}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(mask).save(path)


def sintel_pairs(datasets: list[Dataset]) -> list[tuple[str, str, str]]:
    return [(d.name, p.sequence, p.name) for d in datasets for p in d.pairs]


@pytest.mark.parametrize("given", ["", "training"])
def test_sintel(tmp_path: Path, given: str) -> None:
    sintel(tmp_path / "training")
    clean, final = find_datasets(str(tmp_path / given))
    assert [clean.name, final.name] == ["sintel-clean", "sintel-final"]
    assert sintel_pairs([clean]) == [
        ("sintel-clean", scene, f"frame_{number:04}")
        for scene in ("alley_1", "market_2")
        for number in (1, 2)
    ]
    frames, truth = clean.pairs[1].load()
    assert frames.shape == (2, HIGH, WIDE, 3)
    assert frames[:, 0, 0, 0].tolist() == pytest.approx([100 / 255, 150 / 255])
    assert truth.flow[0, :, 0, 0].tolist() == [1.5, -2]
    assert truth.valid.all()
    assert truth.occluded is not None
    assert truth.occluded[0, :, 0].all()
    assert int(truth.occluded.sum()) == HIGH


def test_sintel_without_masks_and_without_a_pass(tmp_path: Path) -> None:
    sintel(tmp_path, occlusions=False)
    shutil.rmtree(tmp_path / "clean")
    (final,) = find_datasets(str(tmp_path))
    assert final.name == "sintel-final"
    assert final.pairs[0].load()[1].occluded is None


@pytest.mark.parametrize(
    ("images", "name"),
    [("image_2", "kitti-2015"), ("colored_0", "kitti-2012"), ("image_0", "kitti-2012")],
)
def test_kitti(tmp_path: Path, images: str, name: str) -> None:
    base = tmp_path / "training"
    known = np.ones((HIGH, WIDE), bool)
    known[0] = False
    seen = known.copy()
    seen[:, :2] = False
    for number in range(3):
        picture(base / images / f"{number:06}_10.png", 20)
        picture(base / images / f"{number:06}_11.png", 30)
        kitti(base / "flow_occ" / f"{number:06}_10.png", known)
        kitti(base / "flow_noc" / f"{number:06}_10.png", seen)
    (found,) = find_datasets(str(tmp_path))
    assert found.name == name
    assert [pair.name for pair in found.pairs] == ["000000", "000001", "000002"]
    frames, truth = found.pairs[2].load()
    assert frames[:, 0, 0, 0].tolist() == pytest.approx([20 / 255, 30 / 255])
    assert truth.flow[0, :, 1, 1].tolist() == [1.5, -2]
    assert np.array_equal(truth.valid[0].numpy(), known)
    assert truth.occluded is not None
    assert np.array_equal((truth.occluded & truth.valid)[0].numpy(), known & ~seen)
    shutil.rmtree(base / "flow_noc")
    assert find_datasets(str(tmp_path))[0].pairs[0].load()[1].occluded is None


@pytest.mark.parametrize("given", ["", "data"])
def test_flying_chairs(tmp_path: Path, given: str) -> None:
    for number in range(1, 4):
        for frame in (1, 2):
            picture(tmp_path / "data" / f"{number:05}_img{frame}.ppm", 10 * frame)
        flo(tmp_path / "data" / f"{number:05}_flow.flo")
    (found,) = find_datasets(str(tmp_path / given))
    assert found.name == "chairs"
    assert [pair.name for pair in found.pairs] == ["00001", "00002", "00003"]
    frames, truth = found.pairs[0].load()
    assert frames[1, 0, 0, 0] == pytest.approx(20 / 255)
    assert truth.flow[0, 0].eq(1.5).all()


def test_middlebury_marks_what_is_not_known(tmp_path: Path) -> None:
    for number in (10, 11):
        picture(tmp_path / "other-data" / "Dimetrodon" / f"frame{number}.png")
    flo(tmp_path / "other-gt-flow" / "Dimetrodon" / "flow10.flo", 1.6e9, 1.6e9)
    (found,) = find_datasets(str(tmp_path))
    assert sintel_pairs([found]) == [("middlebury", "Dimetrodon", "flow10")]
    assert not found.pairs[0].load()[1].valid.any()


def test_a_folder_of_none_of_them(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        find_datasets(str(tmp_path))
    for word in ("MPI Sintel", "flow_occ/000000_10.png", "00001_flow.flo", "other-gt-flow"):
        assert word in str(error.value)
    with pytest.raises(InputError, match="expected made, motorcycle or a folder, found 'sintel'"):
        find_datasets("sintel")


def test_files_that_lack_their_partner_or_do_not_fit(tmp_path: Path) -> None:
    sintel(tmp_path)
    (tmp_path / "clean" / "alley_1" / "frame_0003.png").unlink()
    with pytest.raises(InputError, match=r"frame_0002.flo: expected the frames .*0003.png, found"):
        find_datasets(str(tmp_path))
    third = tmp_path / "clean" / "alley_1" / "frame_0003.png"
    picture(third, size=(WIDE, HIGH + 1))
    second = find_datasets(str(tmp_path))[0].pairs[1]
    with pytest.raises(InputError, match=r"frame_0003.png: expected 8x6, .*found 8x7"):
        second.load()
    third.write_bytes(b"no picture")
    with pytest.raises(MediaError, match=r"frame_0003.png: is not an image"):
        second.load()
    for number in (1, 2):
        picture(tmp_path / "clean" / "alley_1" / f"frame_{number:04}.png", size=(WIDE, 4))
    first = find_datasets(str(tmp_path))[0].pairs[0]
    with pytest.raises(InputError, match=r"frame_0001.flo: expected 8x4, .*found 8x6"):
        first.load()
    picture(tmp_path / "occlusions" / "market_2" / "frame_0001.png", size=(3, 3))
    with pytest.raises(InputError, match=r"frame_0001.png: expected 8x6, .*found 3x3"):
        find_datasets(str(tmp_path))[0].pairs[2].load()


def test_made_footage() -> None:
    (found,) = find_datasets("made", picture=torch.rand(60, 80, 3))
    assert len(found.pairs) == 2 * len(made.SCENES)
    assert {pair.name for pair in found.pairs} == {"noise", "picture"}
    frames, truth = found.pairs[1].load()
    assert frames.shape == (2, 384, 512, 3)
    assert truth.sequence == "still"
    assert len(find_datasets("made")[0].pairs) == len(made.SCENES)


def test_the_stereo_pair() -> None:
    (found,) = find_datasets("motorcycle")
    frames, truth = found.pairs[0].load()
    assert frames.shape == (2, 500, 741, 3)
    assert int(truth.valid.sum()) == 343274
    assert not truth.flow[0, 1].any()
    left = -truth.flow[0, 0][truth.valid[0]]
    assert (float(left.min()), float(left.max())) == pytest.approx((7.19, 59.91), abs=0.01)
    # it says where things are in the right picture
    row, column = 400, 300
    assert truth.valid[0, row, column]
    there = column + round(float(truth.flow[0, 0, row, column]))
    patch = frames[0, row - 4 : row + 5, column - 4 : column + 5]
    same = frames[1, row - 4 : row + 5, there - 4 : there + 5]
    assert (patch - same).abs().mean() < 0.3 * (
        patch - frames[1, row - 4 : row + 5, 296:305]
    ).abs().mean()


def test_the_stereo_pair_without_its_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    spec: ModuleSpec | None = None
    monkeypatch.setattr("kinograph.engines.datasets.flow.find_spec", lambda name: spec)
    with pytest.raises(InputError, match="not installed; run: pip install scikit-image"):
        find_datasets("motorcycle")
    spec = ModuleSpec("skimage", None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path)]
    with pytest.raises(InputError, match=r"expected motorcycle_left.png.*pip install -U"):
        find_datasets("motorcycle")


def test_fewer_pairs_are_spread_evenly() -> None:
    found = find_datasets("made")[0]
    names = [pair.sequence for pair in found.pairs]
    assert [pair.sequence for pair in found.thinned(3).pairs] == [names[0], names[3], names[6]]
    assert found.thinned(0) is found
    assert found.thinned(99) is found
    with pytest.raises(InputError, match="limit: expected at least 0 pairs, found -1"):
        found.thinned(-1)
