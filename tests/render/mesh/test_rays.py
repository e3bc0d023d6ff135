"""The rasteriser against rays that Embree traces through the same triangles."""

import numpy as np
import pytest
import torch
from trimesh import Trimesh
from trimesh.ray.ray_pyembree import RayMeshIntersector

from kinograph.engines.render.mesh.instances import Instances
from kinograph.engines.render.mesh.mesh import Mesh
from kinograph.engines.render.mesh.raster import Raster
from kinograph.engines.render.mesh.shapes import ellipsoid
from kinograph.engines.render.mesh.soup import Soup
from made_meshes import camera, turned

SIZE = (150, 200)


def bumpy(seed: int, bumps: float = 0.25) -> Mesh:
    """Return a body with hollows that hides parts of itself."""
    random = torch.Generator().manual_seed(seed)
    ball = ellipsoid(rings=20, segments=28)
    waves = torch.randn(6, 3, generator=random) * 4
    height = (ball.vertices @ waves.T).sin().sum(1, keepdim=True) * bumps / 2
    return Mesh(ball.vertices * (1 + height), ball.triangles)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("close", [False, True])
def test_triangles_depths_and_weights_are_those_of_rays(seed: int, close: bool) -> None:
    seen_by = camera(SIZE, 180.0, near=0.001)
    mesh = bumpy(seed)
    # Close: the camera is inside of the outline, with parts of the mesh beside and behind it.
    centre = torch.tensor([[[0.2, 0.1, -1.0 if close else -3.5]]])
    placed = Instances.rigid(mesh, turned(torch.tensor([[seed * 77.0]]), 25.0), centre, cull=False)
    soup = Soup.of([placed], seen_by)
    raster = Raster(soup, 1, SIZE, 1)
    hits = raster.nearest()
    place = raster.pixels[hits.slot]

    y, x = torch.meshgrid(torch.arange(SIZE[0]), torch.arange(SIZE[1]), indexing="ij")
    rays = torch.stack(
        [(x + 0.5 - 100) / 180, -(y + 0.5 - 75) / 180, torch.full(SIZE, -1.0)], -1
    ).flatten(0, 1)
    tracer = RayMeshIntersector(
        Trimesh(placed.vertices[0].numpy(), mesh.triangles.numpy(), process=False),
        scale_to_box=False,
    )
    triangle, ray, point = tracer.intersects_id(
        np.zeros((len(rays), 3)), rays.numpy(), multiple_hits=False, return_locations=True
    )
    depth = torch.full((len(rays),), torch.inf)
    depth[torch.from_numpy(ray)] = torch.from_numpy(-point[:, 2]).float()
    hit = torch.full((len(rays),), -1)
    hit[torch.from_numpy(ray)] = torch.from_numpy(triangle).long()
    ours = torch.full((len(rays),), torch.inf)
    ours[place] = hits.depth
    found = torch.full((len(rays),), -1)
    found[place] = hits.source
    assert len(place) > 4000
    # Embree computes in single precision: rays along an edge may hit either side of it.
    assert float((found != hit).float().mean()) < 1e-3
    same = (found == hit) & (hit >= 0)
    torch.testing.assert_close(ours[same], depth[same], rtol=1e-4, atol=1e-4)
    corners = placed.vertices[0, mesh.triangles[hits.source]]  # [H,3,3]
    weighted = (corners * hits.weights.T[:, :, None]).sum(1)
    torch.testing.assert_close(weighted, rays[place] * hits.depth[:, None], rtol=1e-4, atol=1e-4)
