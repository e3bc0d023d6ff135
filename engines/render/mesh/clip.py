"""Keep what may be seen of triangles, clipped at the near plane, so that none is lost because a
corner is close."""

from dataclasses import dataclass

import torch
from torch import Tensor

from .columns import columns
from .soup import Soup, project

# What covers next to nothing has no reliable plane, and would be seen nowhere.
_LEAST = 1e-8  # px², twice the area


@dataclass(frozen=True)
class Clipped:
    """K triangles in front of the near plane, without those that are culled.

    corners: [3,3,K]: of each corner x px, y px and 1 / z, double precision
    across:  [K] px², twice the area, less than 0 where a triangle is seen from outside
    source:  [K] int64, the triangle of the soup that each is part of
    whole:   how many, the first ones, are a whole triangle
    weights: [K - whole,3,3]: corner c is the sum of weights[:,c,i] * corner i of the source
    """

    corners: Tensor
    across: Tensor
    source: Tensor
    whole: int
    weights: Tensor


def clip(soup: Soup) -> Clipped:
    """Return the parts of the soup's triangles beyond the near plane that may be seen."""
    z = soup.view[:, 2]
    in_front = z >= soup.near
    places = torch.cat([soup.screen, 1 / z.to(soup.screen.dtype)[:, None]], 1).T.contiguous()
    if bool(in_front.all()):  # nearly always
        return _whole(soup, places)
    seen = in_front[soup.triangles]  # [T,3]
    count = seen.sum(1)
    whole = _whole(soup, places, (count == 3).nonzero().squeeze(1))
    cut = ((count == 1) | (count == 2)).nonzero().squeeze(1)
    if not len(cut):
        return whole
    corners, weights, source = _cut(soup, cut, seen[cut])
    across = _across(corners)
    kept = _kept(soup, across, source)
    return Clipped(
        torch.cat([whole.corners, corners[:, :, kept]], 2),
        torch.cat([whole.across, across[kept]]),
        torch.cat([whole.source, source[kept]]),
        whole.whole,
        weights[kept].float(),
    )


def _whole(soup: Soup, places: Tensor, numbers: Tensor | None = None) -> Clipped:
    """Return the triangles `numbers` [N] (None: all), as they are, of vertices at `places` [3,V]:
    x px, y px and 1 / z."""
    index = soup.triangles.T.contiguous()
    if numbers is not None:
        index = columns(index, numbers)
    across = _across(torch.stack([columns(places[:2], corner) for corner in index]))
    kept = _kept(soup, across, numbers)
    corners = torch.stack([columns(places, corner) for corner in columns(index, kept)])
    source = kept if numbers is None else numbers[kept]
    across = across.index_select(0, kept)
    return Clipped(corners, across, source, len(source), corners.new_zeros(0, 3, 3))


def _across(corners: Tensor) -> Tensor:
    """Return twice the areas [K] px² of triangles with `corners` [3,2 or 3,K]: x px, y px and
    anything.

    Counter-clockwise with y up is clockwise with y down: seen from outside they are less than 0.
    """
    a, b, c = corners
    across: Tensor = (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])
    return across


def _kept(soup: Soup, across: Tensor, source: Tensor | None) -> Tensor:
    """Return which triangles [N], of `source` [K] (None: all of the soup), are not culled."""
    kept = across < -_LEAST
    if not all(soup.culled_parts):
        part = soup.part if source is None else soup.part.index_select(0, source)
        kept |= (across > _LEAST) & ~soup.cull.index_select(0, part)
    return kept.nonzero().squeeze(1)


def _cut(soup: Soup, cut: Tensor, seen: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return corners [3,3,K], weights [K,3,3] and sources [K] of what remains of triangles `cut`
    [C] whose corners are `seen` [C,3], one or two of three."""
    # Turned until the corner that differs from the two others comes first.
    lone = (seen != (seen.sum(1, keepdim=True) == 2)).int().argmax(1)
    order = (lone[:, None] + torch.arange(3, device=cut.device)) % 3
    index = soup.triangles[cut].gather(1, order)  # [C,3]
    view = soup.view[index].to(soup.screen.dtype)  # [C,3 corners,3]
    a, b, c = view.unbind(1)
    p_b, at_b = _crossing(a, b, soup.near)
    p_c, at_c = _crossing(a, c, soup.near)
    eye = torch.eye(3, dtype=view.dtype, device=cut.device).expand(len(cut), 3, 3)
    turned = torch.zeros_like(eye).scatter(2, order[:, :, None], 1.0)  # corner -> source corner
    e_a, e_b, e_c = turned.unbind(1)
    w_b = e_a + (e_b - e_a) * at_b
    w_c = e_a + (e_c - e_a) * at_c
    lens = soup.lens[index[:, 0]]
    one = seen.sum(1) == 1
    two = ~one
    pieces = [
        (one, (a, p_b, p_c), (e_a, w_b, w_c)),
        (two, (p_b, b, c), (w_b, e_b, e_c)),
        (two, (p_b, c, p_c), (w_b, e_c, w_c)),
    ]
    corners, weights, sources = [], [], []
    for which, points, parts in pieces:
        at = which.nonzero().squeeze(1)
        placed = []
        for point in points:
            xyz = point[at]
            placed.append(torch.cat([project(xyz, lens[at]), 1 / xyz[:, 2:]], 1).T)
        corners.append(torch.stack(placed))
        weights.append(torch.stack([part[at] for part in parts], 1))
        sources.append(cut[at])
    return torch.cat(corners, 2), torch.cat(weights), torch.cat(sources)


def _crossing(a: Tensor, b: Tensor, near: float) -> tuple[Tensor, Tensor]:
    """Return where [C,3] the edges from `a` to `b` [C,3] cross the near plane, and what part
    [C,1] of the way from `a` that is.

    Computed from the end beyond the plane, so that both triangles of an edge find the same bits.
    """
    beyond = a[:, 2:] >= near
    far, close = torch.where(beyond, a, b), torch.where(beyond, b, a)
    part = (far[:, 2:] - near) / (far[:, 2:] - close[:, 2:])
    point = far + (close - far) * part
    point = torch.cat([point[:, :2], torch.full_like(part, near)], 1)
    return point, torch.where(beyond, part, 1 - part)
