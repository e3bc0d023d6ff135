"""The reference: what the outputs of every engine are compared with."""

from importlib.util import find_spec

import torch

from ..errors import EngineError, ParityError
from ..models.model import Model
from . import parity
from .backend import Rung
from .build import BuildRequest
from .cache import Key
from .fixed_batch import any_batch
from .network import Network
from .onnx_export import graph_of
from .probe import probe
from .runner import Runner
from .torch_runner import eager

_CPU = torch.device("cpu")


def reference(model: Model, network: Network) -> Runner:
    """Return the reference: PyTorch, or ONNX Runtime for an ONNX graph, in fp32 on the CPU.

    Raises `EngineError` if ONNX Runtime is needed and not installed.
    """
    if network.load is not None:
        return eager(network, model.path, _CPU, "fp32")
    if find_spec("onnxruntime") is None:
        raise EngineError(
            f"{model.name} is an ONNX graph, and the reference that its engines are compared with "
            "is not installed; run: pip install onnxruntime"
        )
    from .ort_runner import OnnxRunner

    return any_batch(OnnxRunner(graph_of(model, network), network, _CPU, "fp32"), network)


class Verifier:
    """Compares a runner with the reference and keeps the verdict.

    verdict: of the last comparison that passed; None for the reference itself
    """

    def __init__(self, rung: Rung, request: BuildRequest):
        self._rung = rung
        self._request = request
        self.verdict: parity.Verdict | None = None

    def __call__(self, runner: Runner) -> Key | None:
        """Compare the runner's outputs with the reference's, and return the verdict for a sidecar.

        Raises `ParityError` if they disagree.
        """
        rung, request = self._rung, self._request
        if (rung.backend, rung.device.type, rung.precision) == ("torch", "cpu", "fp32"):
            return None
        inputs = probe(request.network, request.sizes[0], request.max_batch)
        verdict = request.network.compare(
            reference(request.model, request.network).infer(inputs),
            runner.infer({name: value.to(rung.device) for name, value in inputs.items()}),
            rung.precision,
        )
        if not verdict.passed:
            raise ParityError(
                f"{rung} disagrees with the reference ({verdict.reason}) and is not used; "
                "choose another precision"
            )
        self.verdict = verdict
        return {"parity": verdict.reason, "errors": verdict.errors}
