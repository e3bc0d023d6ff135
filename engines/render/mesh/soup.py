"""All triangles of all instances in one list, projected to the picture."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...geometry.camera import Camera
from ...geometry.normals import precise
from .instances import Instances


@dataclass(frozen=True)
class Soup:
    """T triangles of V vertices in F frames.

    triangles: [T,3] indices of vertices
    frame:     [T] int64
    part:      [T] int64, which of the sequence of instances it is of
    instance:  [T] int64, counted over all parts
    origin:    [T] int64, the triangle's number in its mesh
    cull:      [parts] bool            shown: [parts] bool
    view:      [V,3] x to the right, y down, z away from the camera
    screen:    [V,2] px, double precision; without meaning behind the near plane
    lens:      [V,4] fx, fy, cx, cy of the vertex' frame
    near:      the near plane's z
    """

    triangles: Tensor
    frame: Tensor
    part: Tensor
    instance: Tensor
    cull: Tensor
    shown: Tensor
    culled_parts: tuple[bool, ...]
    shown_parts: tuple[bool, ...]
    view: Tensor
    screen: Tensor
    lens: Tensor
    near: float

    @classmethod
    def of(cls, parts: Sequence[Instances], camera: Camera) -> "Soup":
        """Collect the triangles of `parts`, at least one, on the device of their vertices."""
        device = parts[0].vertices.device
        table = camera.table(precise(device)).to(device).T  # [F or 1,4]
        triangles, frames, part_of, instances, views, lenses = ([] for _ in range(6))
        vertices = instance = 0
        for number, part in enumerate(parts):
            count, each = part.vertices.shape[:2]
            corners = part.mesh.triangles
            index = torch.arange(count, device=device)
            triangles.append((corners + (index * each + vertices)[:, None, None]).flatten(0, 1))
            frames.append(part.frame.repeat_interleave(len(corners)))
            instances.append((index + instance).repeat_interleave(len(corners)))
            part_of.append(torch.full_like(instances[-1], number))
            views.append(part.vertices.flatten(0, 1))
            lens = table if len(table) == 1 else table[part.frame]
            lenses.append(lens.repeat_interleave(each, 0) if len(table) > 1 else lens)
            vertices, instance = vertices + count * each, instance + count
        culled = tuple(part.cull for part in parts)
        shown = tuple(not part.occluder for part in parts)
        flags = torch.tensor([culled, shown], device=device)
        view = camera.view(torch.cat(views))
        lens = lenses[0] if len(table) == 1 else torch.cat(lenses)
        return cls(
            triangles=torch.cat(triangles),
            frame=torch.cat(frames),
            part=torch.cat(part_of),
            instance=torch.cat(instances),
            cull=flags[0],
            culled_parts=culled,
            shown=flags[1],
            shown_parts=shown,
            view=view,
            screen=project(view.to(lens.dtype), lens),
            lens=lens.expand(len(view), 4),
            near=camera.near,
        )


def project(view: Tensor, lens: Tensor) -> Tensor:
    """Return the places [...,2] px of points [...,3] seen through lenses [...,4]."""
    return view[..., :2] / view[..., 2:] * lens[..., :2] + lens[..., 2:]


def boxes(instances: Instances, camera: Camera) -> Tensor:
    """Return the boxes [N,4] px, xyxy, in which instances appear, if all is beyond the near
    plane."""
    view = camera.view(instances.vertices)
    table = camera.table(view.dtype).to(view.device).T
    lens = table if len(table) == 1 else table[instances.frame]
    view = torch.cat([view[..., :2], view[..., 2:].clamp(min=camera.near)], -1)
    return torch.cat(list(project(view, lens[:, None]).aminmax(dim=1)), -1)
