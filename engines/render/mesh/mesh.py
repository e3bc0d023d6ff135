"""Triangle meshes: the value that is drawn."""

from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from ...checks import check_shape
from ...errors import InputError
from ...geometry.normals import Incidence

# Bounds of one mesh: what a scan of a body at millimetres has, and what fits any memory.
MOST_TRIANGLES = 4_000_000
MOST_VERTICES = 4_000_000
LARGEST_TEXTURE = 8192  # px, either side


@dataclass(frozen=True)
class Mesh:
    """Triangles with what they look like, on one device. Checked when it is made.

    vertices:  [V,3] float32, any unit
    triangles: [T,3] int64 indices of vertices, counter-clockwise seen from outside
    uv:        [V,2] float32 places in the texture: (0, 0) is its top left corner and (1, 1) its
               bottom right one. If some lie outside 0..1 the texture repeats
    texture:   [H,W,3] or [H,W,4] float32 0..1, with alpha not multiplied into the colour
    colours:   [V,3] float32 0..1, multiplied by the texture
    colour:    red, green, blue, alpha 0..1 of the whole, multiplied by both
    given_normals: [V,3] of the file, any length; None: computed
    name:      what errors call it: a file, or a part of one

    Raises `InputError` that names it for no triangles, more than `MOST_TRIANGLES`, indices without
    a vertex, values that are not finite, and shapes that do not fit each other.
    """

    vertices: Tensor
    triangles: Tensor
    uv: Tensor | None = None
    texture: Tensor | None = None
    colours: Tensor | None = None
    colour: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)
    given_normals: Tensor | None = None
    name: str = "mesh"

    def __post_init__(self) -> None:
        vertices, triangles = len(self.vertices), len(self.triangles)
        check_shape(f"{self.name}: vertices", self.vertices, ["V", 3])
        check_shape(f"{self.name}: triangles", self.triangles, ["T", 3])
        if not triangles:
            raise InputError(f"{self.name}: expected triangles, found none; is it a point cloud?")
        for what, found, most in (
            ("triangles", triangles, MOST_TRIANGLES),
            ("vertices", vertices, MOST_VERTICES),
        ):
            if found > most:
                raise InputError(
                    f"{self.name}: expected at most {most:,} {what}, found {found:,}; "
                    "simplify the mesh"
                )
        if self.triangles.dtype != torch.int64:
            raise InputError(
                f"{self.name}: triangles: expected int64, found {self.triangles.dtype}"
            )
        low, high = (int(end) for end in self.triangles.aminmax())
        if low < 0 or high >= vertices:
            raise InputError(
                f"{self.name}: expected triangles of vertices 0 to {vertices - 1}, "
                f"found vertex {low if low < 0 else high}"
            )
        self._check_floats()
        if self.texture is not None and self.uv is None:
            raise InputError(f"{self.name}: the texture has no uv that say where it goes")
        if not all(0 <= part <= 1 for part in self.colour) or len(self.colour) != 4:
            raise InputError(
                f"{self.name}: colour: expected red, green, blue, alpha in 0..1, "
                f"found {self.colour}"
            )

    def _check_floats(self) -> None:
        vertices = len(self.vertices)
        fields: list[tuple[str, Tensor | None, list[int | str]]] = [
            ("vertices", self.vertices, [vertices, 3]),
            ("uv", self.uv, [vertices, 2]),
            ("colours", self.colours, [vertices, 3]),
            ("normals", self.given_normals, [vertices, 3]),
            ("texture", self.texture, ["H", "W", "C"]),
        ]
        for name, values, shape in fields:
            if values is None:
                continue
            check_shape(f"{self.name}: {name}", values, shape)
            if values.dtype != torch.float32:
                raise InputError(f"{self.name}: {name}: expected float32, found {values.dtype}")
            if values.device != self.vertices.device:
                raise InputError(
                    f"{self.name}: {name}: expected them on {self.vertices.device}, "
                    f"found {values.device}"
                )
            if not bool(values.isfinite().all()):
                raise InputError(f"{self.name}: {name}: found NaN or infinity; export it again")
        if self.texture is not None:
            height, width, channels = self.texture.shape
            if channels not in (3, 4) or not 1 <= min(height, width) <= max(height, width) <= (
                LARGEST_TEXTURE
            ):
                raise InputError(
                    f"{self.name}: texture: expected RGB or RGBA of 1 to {LARGEST_TEXTURE} px "
                    f"a side, found {width}x{height} with {channels} channels"
                )

    def to(self, device: torch.device | str) -> "Mesh":
        """Return the same mesh on `device`."""

        def moved(values: Tensor | None) -> Tensor | None:
            return None if values is None else values.to(device)

        if torch.device(device) == self.vertices.device:
            return self
        return Mesh(
            self.vertices.to(device),
            self.triangles.to(device),
            moved(self.uv),
            moved(self.texture),
            moved(self.colours),
            self.colour,
            moved(self.given_normals),
            self.name,
        )

    @cached_property
    def translucent(self) -> bool:
        """Whether something can be seen through it anywhere."""
        if self.colour[3] < 1:
            return True
        texture = self.texture
        return texture is not None and texture.shape[2] == 4 and bool((texture[..., 3] < 1).any())

    @cached_property
    def repeats(self) -> bool:
        """Whether the texture goes on beyond its edges, as uv lie there."""
        if self.uv is None or self.texture is None:
            return False
        low, high = self.uv.aminmax()
        return bool((low < -1e-3) | (high > 1 + 1e-3))  # a little beyond is rounding

    @cached_property
    def mipmaps(self) -> list[Tensor]:
        """The texture [4,H,W] and its halves, down to 1x1; red, green, blue multiplied by alpha.

        Without a texture one white texel.
        """
        if self.texture is None:
            return [torch.ones(4, 1, 1, device=self.vertices.device)]
        image = self.texture.movedim(-1, 0)
        alpha = image[3:] if len(image) == 4 else torch.ones_like(image[:1])
        versions = [torch.cat([image[:3] * alpha, alpha])]
        while max(versions[-1].shape[1:]) > 1:
            size = [max(1, side // 2) for side in versions[-1].shape[1:]]
            smaller = F.interpolate(versions[-1][None], size, mode="bilinear", antialias=True)
            versions.append(smaller[0])
        return versions

    @cached_property
    def normals(self) -> Tensor:
        """[V,3] unit vectors that point outwards: the file's, or computed by `normals_of`."""
        if self.given_normals is not None:
            return F.normalize(self.given_normals, dim=-1)
        return self.normals_of(self.vertices[None])[0]

    def normals_of(self, vertices: Tensor) -> Tensor:
        """Return the unit normals [N,V,3] of the mesh with its vertices at [N,V,3].

        A vertex has the mean of its triangles' normals, weighted by area. Vertices at one place in
        the mesh, which were split where the texture has a seam, count as one.
        """
        return self._incidence.normals(vertices)

    @cached_property
    def _incidence(self) -> Incidence:
        place: Tensor = torch.unique(self.vertices, dim=0, return_inverse=True)[1]
        return Incidence.of(self.triangles, len(place), place)
