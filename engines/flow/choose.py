"""The choice of the estimator: a network, or DIS where there is no GPU or no weights."""

import logging
from dataclasses import dataclass
from importlib.util import find_spec

import torch

from ..errors import EngineError, InputError, ModelError
from ..models.model import Model
from ..models.registry import find, places, registry, resolve
from ..runtime.devices import check_device
from ..runtime.engine import Engine, build_engine
from ..runtime.ladder import ladder
from ..runtime.network import network_of
from .family import flow_family

log = logging.getLogger("kinograph")

AUTO = "kinograph_flow_s"  # the model that auto means on a GPU: it is included
TRAINED_LONGER = "raft_small_v2"  # what it means where somebody has fetched that before


@dataclass(frozen=True)
class Choice:
    """What computes the flow.

    engine: engine of a network; None = OpenCV's DIS, on the CPU
    device: where the engine runs; with DIS, where everything else is computed
    why:    why it is DIS; "" if a network runs
    """

    engine: Engine | None
    device: torch.device
    why: str = ""

    def report(self) -> str:
        """Return what runs where, and why, in words."""
        if self.engine is not None:
            return self.engine.report()
        return f"runs on OpenCV's DIS, on the CPU, with maps on {self.device}\n- {self.why}"


def choose(
    model: str = "auto",
    *,
    backend: str = "auto",
    device: str = "auto",
    fp16: bool = True,
    accept_licence: bool = False,
) -> Choice:
    """Build or load the estimator that a request for flow means on this machine.

    model:   "auto" is `AUTO` on a GPU, or `TRAINED_LONGER` where its file is at hand; DIS on a CPU
             and, with a warning in the log, if the weights are not there. "dis" is OpenCV's DIS. A
             named model is used, and fetched if necessary, or is an error
    backend: the name of a backend is used or is an error, so DIS never replaces it; "auto"
             takes the best one that works
    device:  "auto", "cpu" or "cuda"
    fp16:    compute in fp16 on a GPU; on a CPU, and if False, in fp32

    Raises `ModelError` for a model that is unknown, damaged or cannot be fetched, `InputError` for
    a model of another task and for DIS with a backend, `EngineError` for a device or backend that
    is not available and for DIS without OpenCV.
    """
    check_device(device)
    where = ladder("torch", device=device).rungs[0].device
    if model == "dis":
        if backend != "auto":
            raise InputError(
                f"backend: expected auto, found {backend!r}: model dis is OpenCV's and runs on the "
                "CPU, without one"
            )
        return Choice(None, where, _dis("dis: as asked"))
    if model != "auto":
        chosen = _named(model, accept_licence)
    elif where.type == "cpu" and backend == "auto":
        return _instead(where, "it is slow on a CPU; name it to use it there")
    else:
        try:
            name = TRAINED_LONGER if _at_hand(TRAINED_LONGER) else AUTO
            chosen = resolve(name, accept=accept_licence)
        except ModelError as error:
            # A file that is there but damaged is for the user to repair.
            if backend != "auto" or _at_hand(name):
                raise
            return _instead(where, str(error))
    engine = build_engine(
        chosen,
        network_of(chosen),
        backend=backend,
        precision="auto" if fp16 else "fp32",  # auto: fp16 on a GPU only
        device=device,
    )
    return Choice(engine, engine.device)


def _named(name: str, accept_licence: bool) -> Model:
    if ":" not in name and name not in registry():
        known = [entry.name for entry in registry().values() if entry.task == "flow"]
        raise ModelError(
            f"model: expected one of {', '.join(['auto', 'dis', *known])}, found {name!r}"
        )
    model = resolve(name, accept=accept_licence)
    flow_family(model)
    return model


def _at_hand(name: str) -> bool:
    return any(path.is_file() for _, path in places(find(name)))


def _instead(where: torch.device, reason: str) -> Choice:
    """Return DIS in place of `AUTO`, with a warning in the log."""
    why = _dis(f"not {AUTO}: {reason}")
    log.warning("flow by OpenCV's DIS, %s", why)
    return Choice(None, where, why)


def _dis(why: str) -> str:
    """Return `why`. Raises `EngineError` if OpenCV is not installed."""
    if find_spec("cv2") is None:
        raise EngineError(
            f"OpenCV, whose DIS is to compute the flow ({why}), is not installed; run: "
            "pip install opencv-python-headless"
        )
    return why
