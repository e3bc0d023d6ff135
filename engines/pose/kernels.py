"""The reading of MoveNet's heads by a GPU kernel of our own, where triton is installed.

What it computes is written out in torch where it is called (`families.movenet.decode`).
"""

from torch import Tensor

from ..runtime.triton_ready import triton_compiles

_OTHERWISE = "the heads of MoveNet are read without their GPU kernel"


def usable(values: Tensor) -> bool:
    """Return whether the kernel runs on `values`: a GPU and triton."""
    return values.is_cuda and triton_compiles(_OTHERWISE)


def joints(
    guess: Tensor, bounds: Tensor, heatmap: Tensor, offset: Tensor, spread: float
) -> tuple[Tensor, Tensor]:
    """Return the joints of P people in F frames, in cells: keypoints [F,P,K,2] x, y and
    confidence [F,P,K], both fp32.

    guess:   [F,P,K,2] y, x of the first guesses, fp32
    bounds:  [F,P,4] y0, x0, y1, x1 of the boxes, fp32
    heatmap: [F,K,H,W], offset: [F,2K,H,W] y, x by joint, in any layout
    spread:  of the Gaussian around the first guess, cells squared
    """
    from . import kernels_triton  # heavy

    return kernels_triton.joints(guess, bounds, heatmap, offset, spread)
