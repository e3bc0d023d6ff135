"""Correlation of all pairs of cells of two feature maps, and looking it up round moving centres."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from . import kernels

LEVELS = 4
_COLUMNS = (
    8  # columns of the volume come in multiples of it, without which GPUs are three times slower
)
_WHOLE = 3 * 2**30  # bytes of a volume that is kept; a larger one is recomputed in parts


class Lookup(nn.Module):
    """What the update block sees of the correlation: the neighbourhoods of each cell's centre at
    four levels, taken through the block's first layer, a convolution of 1x1 and a ReLU.

    weight: [C,4*side^2,1,1] with side = 2 * radius + 1, bias: [C], as torchvision has them, where
            x is the slower of the two offsets
    """

    def __init__(self, weight: Tensor, bias: Tensor, radius: int):
        super().__init__()
        side = 2 * radius + 1
        by_rows = weight.detach().view(-1, LEVELS, side, side).transpose(2, 3)
        self.table = nn.Parameter(by_rows.flatten(1).t().contiguous())  # [4*side^2,C]
        self.bias = nn.Parameter(bias.detach().clone())
        self.radius = radius

    def forward(
        self, volume: "Volume", centres: Tensor, beside: tuple[Tensor, Tensor] | None = None
    ) -> Tensor:
        """Centres [B,2,h,w] x, y in cells of the second map -> [B,C,h,w].

        beside: features [B,D,h,w] and their bias [D], which come after it, with bias and ReLU
        """
        if volume.rows is not None and kernels.usable(volume.rows):
            rows, size = volume.rows, volume.size
            return kernels.look(rows, centres, self.table, self.bias, self.radius, size, beside)
        seen = self._seen(volume, centres)
        if beside is None:
            return seen
        features, bias = beside
        return torch.cat([seen, (features + bias[:, None, None]).relu()], 1)

    def _seen(self, volume: "Volume", centres: Tensor) -> Tensor:
        if volume.rows is not None:
            return self._look(volume.rows, centres, volume.size)
        flat = centres.flatten(2)[..., None]  # [B,2,hw,1]
        parts = [
            self._look(volume.part(start, stop), flat[:, :, start:stop], volume.size)
            for start, stop in volume.parts()
        ]
        return torch.cat(parts, 2).view(len(centres), -1, *centres.shape[2:])

    def _look(self, rows: Tensor, centres: Tensor, size: tuple[int, int]) -> Tensor:
        if kernels.usable(rows):
            return kernels.look(rows, centres, self.table, self.bias, self.radius, size)
        found = neighbourhoods(rows, centres, self.radius, size).to(rows.dtype)
        # A convolution: TensorRT has no product of matrices in fp32 on every card.
        weight = self.table.t()[..., None, None]
        return F.conv2d(found.permute(0, 3, 1, 2), weight, self.bias).relu()


class Volume:
    """Dot products of the cells of two feature maps [B,C,h,w].

    The second map is averaged to 1, 1/2, 1/4 and 1/8 of its size first: the mean of products is
    the product with the mean. `rows` [B,hw,L] holds all levels, each a picture row by row; None
    where that would take too much memory, and `part` computes it for some cells.
    """

    def __init__(self, one: Tensor, two: Tensor):
        _, channels, height, width = one.shape
        self.size = (height, width)
        self._one = one.flatten(2).transpose(1, 2) / channels**0.5  # [B,hw,C]
        levels = [two]
        for _ in range(LEVELS - 1):
            levels.append(F.avg_pool2d(levels[-1], 2))
        columns = torch.cat([level.flatten(2).transpose(1, 2) for level in levels], 1)
        columns = F.pad(columns, (0, 0, 0, -columns.shape[1] % _COLUMNS))
        self._columns: Tensor = columns.transpose(1, 2)  # [B,C,L], channels side by side
        self.rows: Tensor | None = None
        # What is exported is for any size, and has no branches.
        if torch.compiler.is_compiling() or self._bytes(height * width) <= _WHOLE:
            self.rows = self._one @ self._columns

    def whole(self) -> Tensor:
        """Return all products [B,hw,L], however much memory they take."""
        return self._one @ self._columns if self.rows is None else self.rows

    def _bytes(self, cells: int) -> int:
        batch, _, columns = self._columns.shape
        return batch * cells * columns * self._columns.element_size()

    def parts(self) -> list[tuple[int, int]]:
        """Return the first cell and the end of each part that is computed at once."""
        cells = self.size[0] * self.size[1]
        step = max(1, _WHOLE // 4 // self._bytes(1))
        return [(start, min(cells, start + step)) for start in range(0, cells, step)]

    def part(self, start: int, stop: int) -> Tensor:
        """Return the products of some cells of the first map, [B,stop-start,L]."""
        part: Tensor = self._one[:, start:stop] @ self._columns
        return part


def rows_at_once(one: Tensor) -> int:
    """Return how many of the maps [B,C,h,w] go through the updates together: all, or one if the
    volume of all is too large to keep. cuDNN, too, may take GBs for two large maps in fp32 that it
    does not take for one."""
    rows, _, height, width = one.shape
    if torch.compiler.is_compiling():
        return rows
    whole = rows * volume_bytes(8 * height, 8 * width, one.element_size()) <= _WHOLE
    return rows if whole else 1


def volume_bytes(height: int, width: int, number: int, ways: int = 1) -> int:
    """Return the bytes of the volume of a pair of frames of height x width px.

    number: bytes of each value; ways: 2 for both directions
    """
    cells = height // 8 * (width // 8)
    return ways * number * cells * cells * 4 // 3


def neighbourhoods(rows: Tensor, centres: Tensor, radius: int, size: tuple[int, int]) -> Tensor:
    """Return the neighbourhoods of `centres` [B,2,h,w] at every level: [B,h,w,4*side^2] fp32.

    Bilinear between cells, zero outside; y is the slower of the two offsets. All points round a
    centre have the same fraction, so a patch one cell larger is gathered and blended with four
    weights.
    """
    pairs, _, high, wide = centres.shape
    # Numbers made on the device: a copy from the host could not be captured.
    count = torch.arange(max(LEVELS, 2 * radius + 2), dtype=torch.float32, device=rows.device)
    scale = torch.exp2(count[:LEVELS])[:, None]  # [4,1]
    whole = torch.cat([torch.full_like(scale, size[1]), torch.full_like(scale, size[0])], 1)
    sizes = (whole / scale).floor()  # [4,2] x, y
    cells = sizes.prod(1)
    start = (cells.cumsum(0) - cells)[:, None, None]
    side = 2 * radius + 1
    at = centres.permute(0, 2, 3, 1).reshape(-1, 1, 2) / scale  # [Bhw,4,2]
    # Everything is zero further out; a far centre must not overflow the index.
    at = torch.minimum(at, sizes + side).clamp(min=-side - 1)
    corner = at.floor()
    fraction = at - corner
    x, y = (corner[..., i, None] + count[: side + 1] - radius for i in range(2))  # [Bhw,4,side+1]
    near_x, near_y = (
        torch.minimum(v, sizes[:, i, None] - 1).clamp(min=0) for i, v in enumerate((x, y))
    )
    inside = (near_y == y)[..., :, None] & (near_x == x)[..., None, :]
    # Whole numbers below 2^24: exact in fp32.
    index = start + near_y[..., :, None] * sizes[:, 0, None, None] + near_x[..., None, :]
    patch = rows.flatten(0, 1).gather(1, index.long().flatten(1)).view_as(index).float() * inside
    fx, fy = (fraction[..., i, None, None] for i in range(2))
    across = torch.lerp(patch[..., :-1], patch[..., 1:], fx)
    blended = torch.lerp(across[..., :-1, :], across[..., 1:, :], fy)
    return blended.reshape(pairs, high, wide, -1)
