"""Evaluate a flow model on footage whose motion is known."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..datasets.flow import MADE, MOTORCYCLE, Dataset, Pair, find_datasets
from ..environment import describe_device
from ..errors import EngineError, InputError
from ..files import atomic_write
from ..flow.estimate import estimate_flow
from ..flow.family import flow_family
from ..flow.flow import lengths
from ..models.registry import resolve
from ..render.flow_colours import flow_colours
from ..runtime.engine import Engine, build_engine
from ..runtime.network import network_of
from ..video.read import read_video
from .flow import Truth, end_point_errors, evaluate_flow

DIS = "dis"
DATA = (MADE, MOTORCYCLE)
_WHITE = 5.0  # px; an error this large is drawn white

Progress = Callable[[str, int], Callable[[int], None]]  # title, total -> step(number done)


def evaluate_flow_model(
    data: Sequence[str] = DATA,
    *,
    model: str = DIS,
    preset: str = "medium",
    updates: int = 0,
    size: int = 0,
    backend: str = "auto",
    device: str = "auto",
    precision: str = "auto",
    limit: int = 0,
    picture: Path | None = None,
    clip: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Estimate the flow of every pair of the data sets and return the report of `evaluate_flow`.

    data:     made, motorcycle or folders, see `find_datasets`
    model:    dis, a flow model, or FAMILY:FILE
    preset:   of DIS
    updates:  of networks that refine their flow; 0: their usual number
    size:     longer side of the frames during the computation, px; 0: as `FlowEstimator`
    limit:    most pairs per data set, spread evenly; 0: all
    picture:  folder for a PNG of each pair, see `panels`
    clip:     video whose first frame is a texture of the made footage; None: only noise
    progress: makes a progress bar from a data set's name and its number of frames

    Raises `InputError` for data that do not exist, for a data set that is named twice, and for a
    backend, a precision, updates or a GPU with DIS; `EngineError` for an engine that is not
    available.
    """
    datasets = datasets_of(data, limit=limit, clip=clip)
    engine = flow_engine(
        model, updates=updates, backend=backend, device=device, precision=precision
    )
    return evaluate_engine(
        datasets,
        engine,
        preset=preset,
        size=size,
        settings={"size": size, "limit": limit},
        picture=picture,
        progress=progress,
    )


def datasets_of(data: Sequence[str], *, limit: int = 0, clip: Path | None = None) -> list[Dataset]:
    """Return the data sets that are named, see `evaluate_flow_model`.

    Raises `InputError` for data that do not exist, and for a data set that is named twice.
    """
    texture = None if clip is None else read_video(clip).frames[0]
    datasets = [
        found.thinned(limit) for where in data for found in find_datasets(where, picture=texture)
    ]
    names = [dataset.name for dataset in datasets]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(f"data: expected every data set once, found {', '.join(twice)} twice")
    return datasets


def evaluate_engine(
    datasets: Sequence[Dataset],
    engine: Engine | None,
    *,
    preset: str = "medium",
    size: int = 0,
    part: float = 0.0,
    settings: Mapping[str, Any] | None = None,
    picture: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Return the report of `evaluate_flow` for an engine; None: DIS.

    part:     of the frames' longer side during the computation, instead of `size`; 0: `size` counts
    settings: further entries of `meta`; the others are as in `evaluate_flow_model`
    """
    about = {
        "model": _about(engine, preset),
        "settings": dict(settings or {}),
        "data": [
            {"name": dataset.name, "source": dataset.source, "pairs": len(dataset.pairs)}
            for dataset in datasets
        ],
        "versions": _versions(engine),
    }

    def estimate(frames: Tensor) -> Tensor:
        at = round(part * max(frames.shape[1:3])) if part else size
        return estimate_flow(frames, engine, preset=preset, size=at, across_cuts=True).main

    return evaluate_flow(_estimates(datasets, estimate, picture, progress), about=about)


def flow_engine(
    model: str,
    *,
    updates: int = 0,
    backend: str = "auto",
    device: str = "auto",
    precision: str = "auto",
) -> Engine | None:
    """Return the engine of a flow model; None for DIS, which takes none of the options.

    Raises as `evaluate_flow_model`.
    """
    if model == DIS:
        if updates:
            raise InputError(f"updates: expected 0 for DIS, which has none, found {updates}")
        for name, value in (("backend", backend), ("precision", precision)):
            if value != "auto":
                raise InputError(f"{name}: expected auto for DIS, OpenCV's own, found {value!r}")
        if device not in ("auto", "cpu"):
            raise InputError(f"device: expected cpu or auto, where DIS runs, found {device!r}")
        if find_spec("cv2") is None:
            raise EngineError(
                "DIS is OpenCV's, which is not installed; run: pip install opencv-python-headless"
            )
        return None
    found = resolve(model).with_options(updates=updates)
    flow_family(found)
    network = network_of(found)
    return build_engine(found, network, backend=backend, device=device, precision=precision)


def _estimates(
    datasets: Sequence[Dataset],
    estimate: Callable[[Tensor], Tensor],
    picture: Path | None,
    progress: Progress | None,
) -> Iterator[tuple[Tensor, Truth]]:
    for dataset in datasets:
        step = None if progress is None else progress(dataset.name, 2 * len(dataset.pairs))
        for pair in dataset.pairs:
            frames, truth = pair.load()
            flow = estimate(frames)
            yield flow, truth
            if picture is not None:  # only after the flow has been checked
                _draw(picture, dataset, pair, panels(frames, flow.cpu(), truth))
            if step is not None:
                step(2)  # frames


def panels(frames: Tensor, flow: Tensor, truth: Truth) -> Tensor:
    """Return [2H,2W,3] 0..1 of a pair: first frame and true flow above, error and estimate below.

    The error goes from black to white at 5 px. Both flows have full colour at the fastest true
    motion. Unknown pixels are grey.
    """
    known = truth.valid[0, ..., None]
    fastest = torch.where(truth.valid, lengths(truth.flow), 0).amax((1, 2)).clamp(min=1)
    unknown = torch.full((1, 1, 3), 0.5)
    right, found = (flow_colours(one, fastest)[0] for one in (truth.flow, flow))
    error = end_point_errors(flow, truth.flow)[0, ..., None].expand_as(right) / _WHITE
    above = torch.cat([frames[0], torch.where(known, right, unknown)], 1)
    below = torch.cat([torch.where(known, error.clamp(max=1), unknown), found], 1)
    return torch.cat([above, below])


def _draw(folder: Path, dataset: Dataset, pair: Pair, image: Tensor) -> None:
    from PIL import Image

    name = "_".join(dict.fromkeys((dataset.name, pair.sequence, pair.name)))
    path = folder / f"{name}.png"
    with atomic_write(path) as aside:
        Image.fromarray((image * 255).round().byte().numpy()).save(aside)


def _about(engine: Engine | None, preset: str) -> dict[str, Any]:
    """Return what computed the flow, as data for JSON."""
    if engine is None:
        return {"name": DIS, "preset": preset, "backend": "opencv", "device": "cpu"}
    entry = engine.model.entry
    updates = {"updates": engine.model.options["updates"]} if engine.model.options else {}
    return {
        "name": entry.name,
        **updates,
        "sha256": entry.sha256,
        "recommended_size": entry.recommended_size,
        "backend": engine.backend,
        "precision": engine.precision,
        "device": describe_device(engine.device),
    }


def _versions(engine: Engine | None) -> dict[str, str]:
    if engine is not None:
        return {}
    import cv2

    return {"opencv": cv2.__version__}
