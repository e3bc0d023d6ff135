"""Filled ellipses and thick lines, composited in order, for a whole batch of canvases at once.

Cost follows the area that is drawn, not the canvas: every shape is turned into its rows, every row
into its pixels, in ragged tensors without a loop over frames, people or shapes.
"""

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from . import kernels

DOT, ELLIPSE, LINE = range(3)
NOWHERE = -1  # the frame of shapes that are not drawn

_FRINGE = 0.5  # px beyond the outline in which an antialiased edge fades


@dataclass(frozen=True)
class Shapes:
    """N shapes, each on one frame; lengths in pixels.

    Pixel (column i, row j) covers the square round (i, j): whole numbers are pixel centres, as in
    OpenCV's drawing functions.

    frame:       [N] int64, the canvas that the shape is drawn on, or NOWHERE
    order:       [N] int64 >= 0, unique within a frame; higher ones cover lower ones
    center:      [N,2] x, y
    direction:   [N,2] unit vector along the shape
    half_length: [N] semi-axis along `direction` of an ellipse; half the length of a line
    half_width:  [N] semi-axis across of an ellipse; half the thickness of a line
    colour:      [N,3] 0..1
    kind:        [N] int64, one of DOT (a circle of radius half_length), ELLIPSE, LINE (round ends)
    """

    frame: Tensor
    order: Tensor
    center: Tensor
    direction: Tensor
    half_length: Tensor
    half_width: Tensor
    colour: Tensor
    kind: Tensor

    def drawn(self) -> "Shapes":
        """Return those that are drawn at all."""
        keep = (self.frame != NOWHERE).nonzero().squeeze(1)
        return Shapes(**{field.name: getattr(self, field.name)[keep] for field in fields(self)})


def draw(shapes: Shapes, image: Tensor, mask: Tensor, *, antialias: bool) -> None:
    """Draw `shapes` over `image` [F,H,W,3], and what they cover into `mask` [F,H,W], in place.

    With `antialias` a pixel's coverage is its distance to the outline, faded over one pixel.
    Without, nothing is mixed, and dots and ellipses at whole-number positions cover the very
    pixels that OpenCV's `circle` and `ellipse2Poly` + `fillConvexPoly` fill.
    """
    if antialias and kernels.usable(image) and mask.is_contiguous():
        kernels.draw(
            (shapes.frame, shapes.order),
            (shapes.center, shapes.direction, shapes.half_length, shapes.half_width),
            shapes.colour,
            shapes.kind,
            image,
            mask,
        )
        return
    shapes = shapes.drawn()
    pixel, shape, alpha = _coverage(shapes, image.shape[1], image.shape[2], antialias)
    if pixel.numel() == 0:
        return
    slot, place, top = _topmost(pixel, shapes.order[shape], mask.numel())
    colour = shapes.colour[shape[top]]
    flat_image, flat_mask = image.view(-1, 3), mask.view(-1)
    if not antialias:
        flat_image[place] = colour
        flat_mask[place] = 1.0
        return

    # Front to back: what each layer adds is dimmed by all that lie over it. The next layer is
    # looked for only below pixels that still let light through: few, the edges.
    order = shapes.order[shape]
    covered = alpha[top]
    painted = colour * covered[:, None]
    light = 1 - covered
    todo = torch.ones_like(alpha, dtype=torch.bool)
    todo[top] = False
    while True:
        todo &= light[slot] > 1e-3
        rest = todo.nonzero().squeeze(1)
        if rest.numel() == 0:
            break
        best = torch.full_like(place, -1)
        best.scatter_reduce_(0, slot[rest], order[rest], "amax")
        layer = rest[order[rest] == best[slot[rest]]]
        at, covered = slot[layer], alpha[layer]
        painted[at] += shapes.colour[shape[layer]] * (light[at] * covered)[:, None]
        light[at] *= 1 - covered
        todo[layer] = False
    flat_image[place] = painted + flat_image[place] * light[:, None]
    flat_mask[place] = 1 - light


def _coverage(
    shapes: Shapes, height: int, width: int, antialias: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the pixels [M] (flat index over frames) that shapes [M] cover, and how much of each
    [M]."""
    a, b = shapes.half_length, shapes.half_width
    c, s = shapes.direction.unbind(1)
    cx, cy = shapes.center.unbind(1)
    margin = _FRINGE if antialias else 1.0  # a polygon's corners are rounded outwards, too
    line = shapes.kind == LINE
    # The half height of an ellipse is sqrt(a^2 sin^2 + b^2 cos^2).
    reach = torch.where(line, a * s.abs() + b, torch.sqrt((a * s) ** 2 + (b * c) ** 2)) + margin
    first = (cy - reach).ceil().clamp(0, height).long()
    last = (cy + reach).floor().clamp(-1, height - 1).long()
    rows = (last - first + 1).clamp(min=0)
    shape = torch.repeat_interleave(rows)  # [R]
    y = ramp(rows) + first[shape]
    dy = y.to(a.dtype) - cy[shape]

    # The columns of each row: solve the outline, grown by the margin, for x.
    a, b = a + margin, b + margin
    # ellipse: A x^2 + 2 B dy x + C dy^2 = 1
    big_a = ((c / a) ** 2 + (s / b) ** 2)[shape]
    big_b = (c * s * (1 / a**2 - 1 / b**2))[shape] * dy
    big_c = ((s / a) ** 2 + (c / b) ** 2)[shape]
    root = torch.sqrt((big_b**2 - big_a * (big_c * dy**2 - 1)).clamp(min=0))
    left, right = (-big_b - root) / big_a, (-big_b + root) / big_a
    if bool(line.any()):
        # the part of the segment within reach of this row, widened by the reach
        slope = c / torch.where(s.abs() < 1e-6, torch.full_like(s, 1e-6), s)
        near, far = slope[shape] * (dy - b[shape]), slope[shape] * (dy + b[shape])
        end = (a * c.abs())[shape]
        line_left = torch.minimum(near, far).clamp(min=-end) - b[shape]
        line_right = torch.maximum(near, far).clamp(max=end) + b[shape]
        left = torch.where(line[shape], line_left, left)
        right = torch.where(line[shape], line_right, right)
    left, right = (left + cx[shape]).ceil(), (right + cx[shape]).floor()
    if not antialias:
        _polygon_rows(shapes, first, rows, left, right)
    begin = left.clamp(0, width).long()
    columns = (right.clamp(-1, width - 1).long() - begin + 1).clamp(min=0)

    row = torch.repeat_interleave(columns)  # [M]
    x = ramp(columns) + begin[row]
    pixel = ((shapes.frame[shape] * height + y) * width)[row] + x
    shape = shape[row]
    distance = _distance(shapes, shape, x.to(a.dtype) - cx[shape], dy[row])
    if antialias:
        alpha = (_FRINGE - distance).clamp(0, 1)
        hit = (alpha > 0).nonzero().squeeze(1)
        return pixel[hit], shape[hit], alpha[hit]
    inside = (distance <= 1e-4) | (shapes.kind == ELLIPSE)[shape]
    hit = inside.nonzero().squeeze(1)
    return pixel[hit], shape[hit], torch.ones_like(hit, dtype=a.dtype)


def _distance(shapes: Shapes, shape: Tensor, dx: Tensor, dy: Tensor) -> Tensor:
    """Return the distances [M] px from points (dx, dy) off the centres of `shape` [M] to their
    outlines, negative inside."""
    c, s = (part[shape] for part in shapes.direction.unbind(1))
    a, b = shapes.half_length[shape], shapes.half_width[shape]
    u, v = c * dx + s * dy, c * dy - s * dx  # along and across
    # An ellipse's to first order: k (k - 1) / |grad k^2 / 2|, with k = 1 on the outline.
    k = torch.sqrt((u / a) ** 2 + (v / b) ** 2)
    slope = torch.sqrt((u / a**2) ** 2 + (v / b**2) ** 2).clamp(min=1e-6)
    ellipse = torch.where(k < 0.5, -b, k * (k - 1) / slope)
    line = (shapes.kind == LINE)[shape]
    if not bool(line.any()):
        return ellipse
    beyond = u - torch.maximum(torch.minimum(u, a), -a)
    return torch.where(line, torch.sqrt(beyond**2 + v**2) - b, ellipse)


def _polygon_rows(shapes: Shapes, first: Tensor, rows: Tensor, left: Tensor, right: Tensor) -> None:
    """Set the columns of every ellipse's rows to those that OpenCV fills, in place.

    `ellipse2Poly` puts a corner at every whole degree, from a sine table of seven decimals, and
    rounds it to a pixel; `fillConvexPoly` fills from the leftmost to the rightmost pixel of the
    outline in each row. Corners more than a pixel apart are joined by straight lines.
    """
    which = (shapes.kind == ELLIPSE).nonzero().squeeze(1)
    if which.numel() == 0:
        return
    device = which.device
    degrees = torch.arange(361, device=device, dtype=torch.float64).deg2rad()
    sine, cosine = _seven(degrees.sin()), _seven(degrees.cos())
    c, s = _seven(shapes.direction[which].double()).unsqueeze(2).unbind(1)
    along = shapes.half_length[which, None].double() * cosine
    across = shapes.half_width[which, None].double() * sine
    center = shapes.center[which].double()
    x = (center[:, :1] + along * c - across * s).round()  # [E,361], half to even like cvRound
    y = (center[:, 1:] + along * s + across * c).round()
    x, y = _sides(x, y)

    start = rows.cumsum(0) - rows
    row = y.long() - first[which, None]
    on_canvas = (row >= 0) & (row < rows[which, None])
    index = (start[which, None] + row)[on_canvas]
    x = x[on_canvas].to(left.dtype)
    ellipse_row = torch.repeat_interleave(shapes.kind == ELLIPSE, rows)
    left.masked_fill_(ellipse_row, float("inf"))
    right.masked_fill_(ellipse_row, float("-inf"))
    left.scatter_reduce_(0, index, x, "amin")
    right.scatter_reduce_(0, index, x, "amax")


def ramp(counts: Tensor) -> Tensor:
    """Count up within each run: [2, 3] -> [0, 1, 0, 1, 2]."""
    ends = counts.cumsum(0)
    total = int(ends[-1]) if counts.numel() else 0
    starts = torch.repeat_interleave(ends - counts, counts, output_size=total)
    return torch.arange(total, device=counts.device) - starts


def _topmost(pixel: Tensor, order: Tensor, pixels: int) -> tuple[Tensor, Tensor, Tensor]:
    """Find which entry is on top at each covered pixel.

    Returns `slot` [M], every entry's place in the list of the U covered pixels; `place` [U], the
    pixels of that list; `top` [U], the topmost entry of each.
    """
    order = order.int()
    canvas = torch.full((pixels,), -1, dtype=torch.int32, device=pixel.device)
    canvas.scatter_reduce_(0, pixel, order, "amax")
    top = (canvas[pixel] == order).nonzero().squeeze(1)
    place = pixel[top]
    canvas[place] = torch.arange(place.numel(), device=pixel.device, dtype=torch.int32)
    return canvas[pixel].long(), place, top


def _sides(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return the pixels on the sides between successive corners, [E,N] -> [E,(N-1)*S].

    Bresenham's lines as OpenCV draws them, from the left end, ties staying behind; and, as the
    fill between them rounds ties to the right, the steeper sides once more so.
    """
    swap = x[:, 1:] < x[:, :-1]
    x0, x1 = torch.where(swap, x[:, 1:], x[:, :-1]), torch.where(swap, x[:, :-1], x[:, 1:])
    y0, y1 = torch.where(swap, y[:, 1:], y[:, :-1]), torch.where(swap, y[:, :-1], y[:, 1:])
    dx, dy = x1 - x0, y1 - y0
    gap = torch.maximum(dx, dy.abs())
    step = torch.arange(int(gap.max()) + 1, device=x.device, dtype=x.dtype)
    part = torch.minimum(step, gap[..., None]) / gap.clamp(min=1)[..., None]
    x_on = x0[..., None] + (part * dx[..., None] - 0.5).ceil()
    y_on = y0[..., None] + (part * dy.abs()[..., None] - 0.5).ceil() * dy.sign()[..., None]
    x_fill = (x0[..., None] + part * dx[..., None] + 0.5).floor()
    x_fill = torch.where((dx <= dy.abs())[..., None], x_fill, x_on)
    return torch.stack([x_on, x_fill]).movedim(0, 1).flatten(1), y_on.repeat(1, 2, 1).flatten(1)


def _seven(values: Tensor) -> Tensor:
    return (values * 1e7).round() / 1e7
