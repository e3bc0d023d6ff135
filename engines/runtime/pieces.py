"""Networks that take so many images at a call, no more and no less."""

from collections.abc import Mapping

import torch
from torch import Tensor

from .network import Network
from .runner import Runner


class InPieces(Runner):
    """Any number of images through a runner that takes `network.batch` at a call.

    The last call is filled up with its last image, what that says is dropped.
    """

    def __init__(self, runner: Runner, network: Network):
        self.backend = runner.backend
        self.device = runner.device
        self.precision = runner.precision
        self.bytes = runner.bytes
        self._runner = runner
        self._network = network

    def infer(self, images: Tensor, start: Tensor | None = None) -> Mapping[str, Tensor]:
        batch = self._network.batch
        missing = -len(images) % batch
        if missing:
            images = torch.cat([images, images[-1:].expand(missing, -1, -1, -1)])
        pieces = [self._runner.infer(piece) for piece in images.split(batch)]
        return self._network.join(pieces, len(images) - missing)

    def close(self) -> None:
        self._runner.close()


def in_calls(runner: Runner, network: Network) -> Runner:
    """The runner, given as many images as the network takes at a call if that is fixed."""
    return InPieces(runner, network) if network.batch else runner
