"""Drawing of shapes by a GPU kernel of our own, where triton is installed.

What it computes is written out in torch where it is called (`raster.draw`).
"""

from torch import Tensor

from ..runtime.triton_ready import triton_compiles

_OTHERWISE = "drawings are made without their GPU kernel"


def usable(image: Tensor) -> bool:
    """Return whether the kernel draws on `image`: a GPU, contiguous float32, and triton."""
    return image.is_cuda and image.is_contiguous() and triton_compiles(_OTHERWISE)


def draw(
    place: tuple[Tensor, Tensor],
    shape: tuple[Tensor, Tensor, Tensor, Tensor],
    colour: Tensor,
    kind: Tensor,
    image: Tensor,
    mask: Tensor,
) -> None:
    """Draw N shapes with smooth edges over `image` [F,H,W,3] and into `mask` [F,H,W], in place.

    place: frame and order [N] int64; those of frame `raster.NOWHERE` are not drawn
    shape: center and direction [N,2], half_length and half_width [N], see `raster.Shapes`
    """
    from . import kernels_triton  # heavy

    kernels_triton.draw(*place, *shape, colour, kind, image, mask)
