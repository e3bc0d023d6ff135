"""Pairs of frames with known motion: synthetic ones, a stereo pair, and data sets on disk."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError
from ..evaluation.flow import Truth
from ..flow.files import read_ground_truth
from ..video.picture import opened_picture
from . import made_flow as made

MADE, MOTORCYCLE = "made", "motorcycle"

# The files that each data set is expected to hold, as shown in error messages.
LAYOUTS = {
    "MPI Sintel": "training/clean (or final)/SCENE/frame_0001.png and training/flow/SCENE/"
    "frame_0001.flo",
    "KITTI 2015, KITTI 2012": "training/image_2 (2012: colored_0 or image_0)/000000_10.png and "
    "training/flow_occ/000000_10.png",
    "FlyingChairs": "data/00001_img1.ppm, data/00001_img2.ppm and data/00001_flow.flo",
    "Middlebury": "other-data/SCENE/frame10.png and other-gt-flow/SCENE/flow10.flo",
}

Loaded = tuple[Tensor, Truth]


@dataclass(frozen=True)
class Pair:
    """Two frames [2,H,W,3] 0..1 and their motion, which `load` reads.

    sequence: the part of the data set that the pair belongs to; name: unique within it
    """

    sequence: str
    name: str
    load: Callable[[], Loaded]


@dataclass(frozen=True)
class Dataset:
    """Pairs that are evaluated together. source: where they come from, in words or as a path."""

    name: str
    source: str
    pairs: tuple[Pair, ...]

    def thinned(self, most: int) -> "Dataset":
        """Return at most `most` of the pairs, spread evenly from first to last; 0 = all.

        Raises `InputError` for a negative number.
        """
        if most < 0:
            raise InputError(f"limit: expected at least 0 pairs, found {most}")
        count = len(self.pairs)
        if not 0 < most < count:
            return self
        return replace(self, pairs=tuple(self.pairs[i * count // most] for i in range(most)))


def find_datasets(where: str, *, picture: Tensor | None = None) -> list[Dataset]:
    """Return the data sets that `where` names: "made", "motorcycle", or a folder whose structure
    tells which it is (`LAYOUTS`); Sintel has two, clean and final.

    picture: [h,w,3] 0..1, the texture of further made footage, beside that of noise

    Raises `InputError` if nothing is found or a file lacks its partner.
    """
    if where == MADE:
        return [made_footage(picture)]
    if where == MOTORCYCLE:
        return [motorcycle()]
    folder = Path(where)
    if not folder.is_dir():
        raise InputError(
            f"data: expected {MADE}, {MOTORCYCLE} or a folder, found {where!r}, which is none"
        )
    for layout in (_sintel, _kitti, _chairs, _middlebury):
        if found := layout(folder):
            return found
    known = "\n".join(f"  {name}: {files}" for name, files in LAYOUTS.items())
    raise InputError(
        f"{folder}: expected one of these data sets, found none of their files\n{known}"
    )


def made_footage(picture: Tensor | None = None) -> Dataset:
    """Return every scene of `made.SCENES`, of noise and, if there is one, of a picture."""
    textures = {made.NOISE: None} if picture is None else {made.NOISE: None, "picture": picture}
    pairs = tuple(
        Pair(scene, name, partial(made.make, scene, picture=texture))
        for scene in made.SCENES
        for name, texture in textures.items()
    )
    return Dataset(MADE, "made footage", pairs)


def motorcycle() -> Dataset:
    """Return the stereo pair of scikit-image, 741x500 (Scharstein et al., GCPR 2014: "Motorcycle"):
    from the left to the right picture, everything moves left by its disparity.

    Reads the package's files without running its code. Raises `InputError` if it is missing.
    """
    spec = find_spec("skimage")
    if spec is None or not spec.submodule_search_locations:
        raise InputError(
            "the data set motorcycle is part of scikit-image, which is not installed; run: "
            "pip install scikit-image"
        )
    folder = Path(spec.submodule_search_locations[0]) / "data"
    for name in ("motorcycle_left.png", "motorcycle_right.png", "motorcycle_disp.npz"):
        if not (folder / name).is_file():
            raise InputError(
                f"{folder}: expected {name}, which this version of scikit-image lacks; "
                "run: pip install -U scikit-image"
            )
    load = partial(_motorcycle, folder)
    return Dataset(MOTORCYCLE, "scikit-image", (Pair(MOTORCYCLE, MOTORCYCLE, load),))


def _motorcycle(folder: Path) -> Loaded:
    frames = _frames(folder / "motorcycle_left.png", folder / "motorcycle_right.png")
    with np.load(folder / "motorcycle_disp.npz") as file:
        disparity = torch.from_numpy(file["arr_0"]).float()
    valid = disparity.isfinite()
    left = -torch.where(valid, disparity, 0)
    flow = torch.stack([left, torch.zeros_like(left)])
    return frames, Truth(MOTORCYCLE, MOTORCYCLE, flow[None], valid[None])


def _sintel(folder: Path) -> list[Dataset]:
    """Return Sintel's pairs. Every pixel counts, as in published results; `invalid` is not used."""
    base = _base(folder, "flow")
    passes = [name for name in ("clean", "final") if (base / name).is_dir()]
    flows = sorted((base / "flow").glob("*/frame_*.flo"))
    if not passes or not flows:
        return []
    found = []
    for rendering in passes:
        pairs = []
        for flow in flows:
            scene, number = flow.parent.name, int(flow.stem.removeprefix("frame_"))
            images = base / rendering / scene
            one, two = (images / f"frame_{n:04}.png" for n in (number, number + 1))
            hidden = base / "occlusions" / scene / f"{flow.stem}.png"
            name = f"sintel-{rendering}"
            pairs.append(_pair(name, scene, flow.stem, one, two, flow, occluded=hidden))
        found.append(Dataset(name, str(folder), tuple(pairs)))
    return found


def _kitti(folder: Path) -> list[Dataset]:
    base = _base(folder, "flow_occ")
    flows = sorted((base / "flow_occ").glob("*_10.png"))
    kinds = {"image_2": "kitti-2015", "colored_0": "kitti-2012", "image_0": "kitti-2012"}
    images = next((name for name in kinds if (base / name).is_dir()), None)
    if images is None or not flows:
        return []
    name = kinds[images]
    pairs = []
    for flow in flows:
        number = flow.stem.removesuffix("_10")
        one, two = (base / images / f"{number}_{n}.png" for n in (10, 11))
        seen = base / "flow_noc" / flow.name
        pairs.append(_pair(name, "training", number, one, two, flow, visible=seen))
    return [Dataset(name, str(folder), tuple(pairs))]


def _chairs(folder: Path) -> list[Dataset]:
    base = folder / "data" if (folder / "data").is_dir() else folder
    pairs = []
    for flow in sorted(base.glob("*_flow.flo")):
        number = flow.stem.removesuffix("_flow")
        one, two = (base / f"{number}_img{n}.ppm" for n in (1, 2))
        pairs.append(_pair("chairs", "data", number, one, two, flow))
    return [Dataset("chairs", str(folder), tuple(pairs))] if pairs else []


def _middlebury(folder: Path) -> list[Dataset]:
    pairs = []
    for flow in sorted((folder / "other-gt-flow").glob("*/flow10.flo")):
        scene = flow.parent.name
        one, two = (folder / "other-data" / scene / f"frame{n}.png" for n in (10, 11))
        pairs.append(_pair("middlebury", scene, "flow10", one, two, flow))
    return [Dataset("middlebury", str(folder), tuple(pairs))] if pairs else []


def _base(folder: Path, needed: str) -> Path:
    """Return the folder `training`, whether that or its parent was given."""
    return folder if (folder / needed).is_dir() else folder / "training"


def _pair(
    dataset: str,
    sequence: str,
    name: str,
    one: Path,
    two: Path,
    flow: Path,
    *,
    occluded: Path | None = None,
    visible: Path | None = None,
) -> Pair:
    """Return a pair of files, which must exist. occluded: a picture, white where the second frame
    hides a pixel; visible: the flow of the pixels that it shows; either may be missing."""
    for frame in (one, two):
        if not frame.is_file():
            raise InputError(f"{flow}: expected the frames {one} and {two}, found no {frame.name}")
    occluded = occluded if occluded is not None and occluded.is_file() else None
    visible = visible if visible is not None and visible.is_file() else None
    load = partial(_read, dataset, sequence, (one, two, flow), occluded, visible)
    return Pair(sequence, name, load)


def _read(
    dataset: str,
    sequence: str,
    files: tuple[Path, Path, Path],
    occluded: Path | None,
    visible: Path | None,
) -> Loaded:
    one, two, path = files
    frames = _frames(one, two)
    flow, valid = read_ground_truth(path)
    hidden = None
    if visible is not None:
        hidden = ~read_ground_truth(visible)[1]
    if occluded is not None:
        hidden = _pixels(occluded, "L") > 127
    if flow.shape[1:] != frames.shape[1:3]:
        raise InputError(
            f"{path}: expected {frames.shape[2]}x{frames.shape[1]}, the size of {one}, found "
            f"{flow.shape[2]}x{flow.shape[1]}"
        )
    if hidden is not None and hidden.shape != valid.shape:
        raise InputError(
            f"{occluded or visible}: expected {flow.shape[2]}x{flow.shape[1]}, the size of {path}, "
            f"found {hidden.shape[1]}x{hidden.shape[0]}"
        )
    hidden = None if hidden is None else hidden[None]
    return frames, Truth(dataset, sequence, flow[None], valid[None], hidden)


def _frames(one: Path, two: Path) -> Tensor:
    """Read two pictures as [2,H,W,3] 0..1."""
    first, second = (_pixels(path, "RGB") for path in (one, two))
    if first.shape != second.shape:
        raise InputError(
            f"{two}: expected {first.shape[1]}x{first.shape[0]}, the size of {one}, found "
            f"{second.shape[1]}x{second.shape[0]}"
        )
    return torch.stack([first, second]).float() / 255


def _pixels(path: Path, mode: str) -> Tensor:
    """Read a picture as uint8: [H,W,3] for RGB, [H,W] for L."""
    with opened_picture(path) as image:
        return torch.from_numpy(np.asarray(image.convert(mode)).copy())
