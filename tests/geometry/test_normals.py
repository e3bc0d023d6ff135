"""Normals of vertices: means over the triangles around them, weighted by area."""

import torch

from kinograph.engines.geometry.normals import Incidence

# A roof: two squares that meet along the y axis, the right one twice as large; the ridge twice.
_ROOF = torch.tensor(
    [[-1.0, 0, -1], [-1, 1, -1], [0, 0, 0], [0, 1, 0], [0, 0, 0], [0, 1, 0], [2, 0, -2], [2, 1, -2]]
)
_TRIANGLES = torch.tensor([[0, 2, 3], [0, 3, 1], [4, 6, 7], [4, 7, 5]])
_PLACE = torch.tensor([0, 1, 2, 3, 2, 3, 4, 5])


def test_a_vertex_has_the_mean_of_its_triangles_weighted_by_area() -> None:
    left, right = torch.tensor([[-1.0, 0, 1], [1, 0, 1]]) / 2**0.5
    apart = Incidence.of(_TRIANGLES, 8).normals(_ROOF[None])[0]
    torch.testing.assert_close(apart, torch.stack([left] * 4 + [right] * 4))
    seam = Incidence.of(_TRIANGLES, 8, _PLACE).normals(_ROOF[None])[0]
    # At vertex 2 one triangle of the left meets two of the right, each twice as large.
    ridge = torch.nn.functional.normalize(left + 4 * right, dim=0)
    torch.testing.assert_close(seam[2], ridge)
    torch.testing.assert_close(seam[4], ridge)
    torch.testing.assert_close(seam[[0, 1, 6, 7]], torch.stack([left] * 2 + [right] * 2))


def test_a_vertex_of_no_triangle_has_no_normal() -> None:
    normals = Incidence.of(_TRIANGLES[:2], 8).normals(_ROOF[None])
    assert bool((normals[0, 4:] == 0).all())


def test_the_normals_of_a_mesh_do_not_depend_on_how_many_there_are() -> None:
    torch.manual_seed(0)
    meshes = _ROOF + torch.rand(21, 8, 3)
    incidence = Incidence.of(_TRIANGLES, 8, _PLACE)
    together = incidence.normals(meshes)
    for count in (1, 2, 7, 16):
        assert torch.equal(incidence.normals(meshes[:count]), together[:count])


def test_no_meshes_have_no_normals() -> None:
    found = Incidence.of(_TRIANGLES, 8, _PLACE).normals(torch.empty(0, 8, 3))
    assert found.shape == (0, 8, 3)
