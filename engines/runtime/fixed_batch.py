"""Networks that take a fixed number of images per call."""

from collections.abc import Mapping

import torch
from torch import Tensor

from .network import Network
from .runner import Runner


class FixedBatchRunner(Runner):
    """Runs any number of images through a runner that takes `network.batch` images per call.

    The last call is filled up with copies of the last image, whose outputs are dropped.
    """

    def __init__(self, runner: Runner, network: Network):
        self.backend = runner.backend
        self.device = runner.device
        self.precision = runner.precision
        self.bytes = runner.bytes
        self._runner = runner
        self._network = network

    def _infer(self, inputs: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        batch, specs = self._network.batch, self._network.inputs
        images = len(inputs[specs[0].name])
        calls = -(-images // batch)
        pieces: list[dict[str, Tensor]] = [{} for _ in range(calls)]
        for spec in specs:
            value = inputs[spec.name]
            parts = [value] * calls
            if spec.rows(batch) is not None:
                missing = calls * batch - images
                if missing:
                    value = torch.cat([value, value[-1:].expand(missing, *value.shape[1:])])
                parts = list(value.split(batch))
            for piece, part in zip(pieces, parts, strict=True):
                piece[spec.name] = part
        return self._network.join([self._runner.infer(piece) for piece in pieces], images)

    def _close(self) -> None:
        self._runner.close()


def any_batch(runner: Runner, network: Network) -> Runner:
    """Return a runner that takes any number of images, whatever the network takes per call."""
    return FixedBatchRunner(runner, network) if network.batch else runner
