"""Every upscaler that the package spandrel (MIT) knows, from users' own files.

Real-CUGAN, SwinIR, HAT, DAT, SPAN, OmniSR and some forty others. They run in PyTorch; the ladder
of backends finds out whether one can be compiled or exported.
"""

from dataclasses import dataclass
from importlib.util import find_spec
from math import lcm
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from ...errors import ModelError
from ...models.model import Model
from ...models.once import once
from ...models.tensors import read_tensors
from ...runtime.network import Network
from ..family import Traits, UpscaleFamily
from ..network import LEAST, OUTPUT, upscale_network


@dataclass(frozen=True)
class _Facts:
    architecture: str
    scale: int
    stride: int
    least: int


class _Wrapped(nn.Module):
    """A network of spandrel's with the inputs and outputs of an upscaler."""

    def __init__(self, inner: nn.Module):
        super().__init__()
        self.inner = inner

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        return {OUTPUT: self.inner(images)}


def _described(path: Path) -> Any:
    """Return spandrel's description of a file.

    Raises `ModelError` without the package, and for a file that it does not know.
    """
    if find_spec("spandrel") is None:
        raise ModelError(
            f"{path.name}: its architecture is read by the package spandrel, which is not "
            "installed; run: pip install spandrel"
        )
    import spandrel

    state = read_tensors(path)
    try:
        found = spandrel.ModelLoader("cpu").load_from_state_dict(state)
    except spandrel.UnsupportedModelError as error:
        names = ", ".join(list(state)[:2]) or "no tensors"
        raise ModelError(
            f"{path.name}: expected an upscaler of an architecture that spandrel knows, found "
            f"{len(state)} tensors ({names}, ...)"
        ) from error
    except (KeyError, RuntimeError, TypeError, ValueError, IndexError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelError(f"{path.name}: spandrel cannot load it: {reason}") from error
    channels = (found.input_channels, found.output_channels)
    if not isinstance(found, spandrel.ImageModelDescriptor) or channels != (3, 3):
        raise ModelError(
            f"{path.name}: expected a network that takes and gives one RGB image, found "
            f"{found.architecture.name} with {channels[0]} channels in and {channels[1]} out"
        )
    return found


@once
def _facts(path: Path) -> _Facts:
    found = _described(path)
    needs = found.size_requirements
    stride = lcm(
        *(needs.multiple_of if isinstance(needs.multiple_of, tuple) else (needs.multiple_of,))
    )
    least = max(LEAST, needs.minimum)
    return _Facts(found.architecture.name, found.scale, stride, -(-least // stride) * stride)


def load(path: Path) -> nn.Module:
    """Return the network of a file. Raises `ModelError` as `network` does."""
    return _Wrapped(_described(path).model).eval()


def network(model: Model) -> Network:
    """Return how a network of spandrel's is run.

    Raises `ModelError` without the package, for a file that it does not know, and for a network
    that is not an upscaler of RGB images.
    """
    facts = _facts(model.path)
    return upscale_network(
        f"spandrel-{facts.architecture}",
        load,
        facts.scale,
        width=256 * max(1, facts.scale**2 // 4),
        stride=facts.stride,
        least=facts.least,
    )


def traits(model: Model) -> Traits:
    """Return the scale and the architecture that spandrel found."""
    facts = _facts(model.path)
    return Traits(facts.scale, note=f"{facts.architecture}, {facts.scale}x, found by spandrel")


FAMILY = UpscaleFamily(
    name="spandrel",
    network=network,
    traits=traits,
    suffixes=(".pth", ".pt", ".ckpt", ".safetensors"),
    recommended_size=512,
    order=320,
)
