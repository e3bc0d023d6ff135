"""What is seen behind what is drawn: photographs, or soft colours."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from ..errors import InputError
from ..geometry.placement import Size
from ..video.picture import opened_picture
from .coco_yolo.read_records import PICTURES
from .seeded import uniform

# Photographs of scikit-image that show no people.
_PHOTOGRAPHS = (
    *("coffee.png", "chelsea.png", "rocket.jpg", "motorcycle_left.png", "motorcycle_right.png"),
    *("gravel.png", "grass.png", "brick.png", "coins.png", "ihc.png", "moon.png"),
)
_LONGEST = 1024  # px, that pictures are held in
_MOST = 2000  # pictures of a folder
_LEAST = 0.4  # of a picture's shorter side that is seen at least
_LIGHT = (0.6, 1.3)  # factors of the colours


@dataclass(frozen=True)
class Backgrounds:
    """Pictures [h,w,3] uint8 of any sizes, and what they are called."""

    pictures: tuple[Tensor, ...]
    name: str

    @classmethod
    def photographs(cls, names: Sequence[str] = _PHOTOGRAPHS) -> "Backgrounds":
        """Return those of scikit-image with these names of files, as far as it has them; without
        names, those that show no people. Raises `InputError` if it is not installed or has none.
        """
        try:
            package = import_module("skimage")
        except ImportError as error:
            raise InputError(
                "backgrounds: photographs are those of scikit-image, which is not installed; run: "
                "pip install scikit-image, or give a folder of pictures, or made"
            ) from error
        folder = Path(str(package.__file__)).parent / "data"
        paths = [folder / name for name in names if (folder / name).is_file()]
        if not paths:
            raise InputError(f"backgrounds: expected {', '.join(names)} in {folder}, found none")
        name = f"{len(paths)} photographs of scikit-image {package.__version__}"
        return cls(tuple(map(_read, paths)), name)

    @classmethod
    def of_folder(cls, folder: Path) -> "Backgrounds":
        """Return the pictures of a folder, which should show none of what is drawn on them.

        Raises `InputError` for no pictures and for more than 2000, `MediaError` for a damaged one.
        """
        paths = (
            sorted(p for p in folder.iterdir() if p.suffix.lower() in PICTURES)
            if folder.is_dir()
            else []
        )
        if not 1 <= len(paths) <= _MOST:
            raise InputError(
                f"{folder}: expected a folder of 1 to {_MOST} pictures, found {len(paths)}"
            )
        return cls(tuple(map(_read, paths)), f"{len(paths)} pictures of {folder}")

    def behind(self, index: Tensor, size: Size, seed: int, stream: int) -> Tensor:
        """Return a part of one of the pictures for each of `index` [F]: [F,H,W,3] 0..1.

        stream: see `uniform`
        """
        height, width = size
        draws = uniform(seed, index, 8, stream)
        which = (draws[:, 0] * len(self.pictures)).long()
        out = torch.zeros(len(index), height, width, 3, device=index.device)
        for number in which.unique().tolist():
            rows = which == number
            out[rows] = _parts(self.pictures[number].to(index.device), draws[rows], size)
        low, high = _LIGHT
        light = low + (high - low) * draws[:, 5:8]
        return (out * light[:, None, None]).clamp(0, 1)


def soft_colours(index: Tensor, size: Size, seed: int) -> Tensor:
    """Return [F,H,W,3] for `index` [F]: soft colours with finer ones on top."""
    total = torch.zeros(len(index), 3, *size, device=index.device)
    for stream, (cells, strength) in enumerate(((3, 0.6), (9, 0.4)), start=3):
        grid = uniform(seed, index, 3 * cells * cells, stream).view(-1, 3, cells, cells)
        total += strength * F.interpolate(grid, size, mode="bicubic", align_corners=True)
    return total.clamp(0, 1).movedim(1, -1).contiguous()


def _parts(picture: Tensor, draws: Tensor, size: Size) -> Tensor:
    """Return parts [N,H,W,3] of a picture, at any place, mirrored or not."""
    high, wide = picture.shape[:2]
    ratio = size[1] / size[0]
    largest = min(1.0, wide / high / ratio)  # part of the height that has this ratio
    side = largest * (_LEAST + (1 - _LEAST) * draws[:, 1])  # of the height
    tall, broad = side, side * ratio * high / wide
    sign = torch.where(draws[:, 2] < 0.5, -1.0, 1.0)
    theta = torch.zeros(len(draws), 2, 3, device=draws.device)
    theta[:, 0, 0], theta[:, 1, 1] = broad * sign, tall
    theta[:, 0, 2] = (1 - broad) * (2 * draws[:, 3] - 1)
    theta[:, 1, 2] = (1 - tall) * (2 * draws[:, 4] - 1)
    grid = F.affine_grid(theta, [len(draws), 3, *size], align_corners=False)
    image = (picture.movedim(-1, 0).float() / 255).expand(len(draws), -1, -1, -1)
    part = F.grid_sample(image, grid, padding_mode="border", align_corners=False)
    return part.movedim(1, -1)


def _read(path: Path) -> Tensor:
    with opened_picture(path) as opened:
        picture = opened.convert("RGB")
        picture.thumbnail((_LONGEST, _LONGEST), Image.Resampling.LANCZOS)
        data = torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8)
        return data.view(picture.height, picture.width, 3)
