"""Which estimator computes the flow: a network, or DIS where there is no GPU or no weights."""

import logging
from dataclasses import dataclass
from importlib.util import find_spec

import torch

from ..errors import EngineError, InputError, ModelError
from ..families import check_flow, network_of
from ..models.folders import models_folder
from ..models.registry import Model, find, registry, resolve
from ..runtime.device import check_device
from ..runtime.engine import Engine, build_engine
from ..runtime.ladder import ladder

log = logging.getLogger("kinograph")

AUTO = "raft_small_v2"  # what auto means on a GPU


@dataclass(frozen=True)
class Choice:
    """What computes the flow.

    engine: of a network; None = OpenCV's DIS, on the CPU
    device: where the engine runs; with DIS, where everything else is done
    why:    why it is DIS; "" where a network runs
    """

    engine: Engine | None
    device: torch.device
    why: str = ""

    def report(self) -> str:
        """It in words: what runs where, and why."""
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
    """Build or load what a request for flow means on this machine.

    model:   auto: `AUTO` on a GPU, fetched when it is not there; DIS on a CPU, and where the
             weights cannot be had, with a warning in the log. A named one is used or is an error
    backend: one of `ladder.BACKENDS` is used or is an error, so there is no DIS for it; "auto"
             takes the best that works
    fp16:    compute in fp16 on a GPU; elsewhere, and where False, in fp32

    Raises `ModelError` for a model that is unknown, damaged or cannot be had, `InputError` for one
    of poses and for DIS with a backend, `EngineError` for a device or backend that is not there and
    for DIS without OpenCV.
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
        found = _named(model, accept_licence)
    elif where.type == "cpu" and backend == "auto":
        return _instead(where, "RAFT is slow on a CPU; it is used there when it is named")
    else:
        try:
            found = resolve(AUTO, accept=accept_licence)
        except ModelError as error:
            # What is there and damaged is for the user to see to.
            if backend != "auto" or (models_folder() / find(AUTO).file).is_file():
                raise
            return _instead(where, str(error))
    engine = build_engine(
        found,
        network_of(found),
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
    check_flow(model)
    return model


def _instead(where: torch.device, reason: str) -> Choice:
    """DIS for `AUTO`, said aloud."""
    why = _dis(f"not {AUTO}: {reason}")
    log.warning("flow by OpenCV's DIS, %s", why)
    return Choice(None, where, why)


def _dis(why: str) -> str:
    """`why`, where OpenCV is there."""
    if find_spec("cv2") is None:
        raise EngineError(
            f"OpenCV, whose DIS is to compute the flow ({why}), is not installed; run: "
            "pip install opencv-python-headless"
        )
    return why
