"""`kinograph eval flow`: how good flow is on footage whose motion is known."""

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...engines.datasets.flow import MADE, MOTORCYCLE, Dataset, Pair, find_datasets
from ...engines.environment import describe_device
from ...engines.errors import EngineError, InputError
from ...engines.evaluation.flow import Truth, end_point_errors, evaluate_flow
from ...engines.families import check_flow, network_of
from ...engines.files import written_aside
from ...engines.flow.estimate import estimate_flow
from ...engines.flow.flow import lengths
from ...engines.models.registry import resolve
from ...engines.render.flow_colours import flow_colours
from ...engines.runtime.engine import Engine, build_engine
from ...engines.video.read import read_video
from ..execution.report import Bars, print_table

DIS = "dis"
DATA = (MADE, MOTORCYCLE)
_COLUMNS = (
    *("pairs", "EPE", "median", ">1 px", ">3 px", ">5 px", "Fl"),
    *("angle", "visible", "occluded"),
)
_FARTHEST = 5.0  # px of error that are drawn white


def eval_flow(
    data: Sequence[str] = DATA,
    *,
    model: str = DIS,
    preset: str = "medium",
    size: int = 0,
    backend: str = "auto",
    device: str = "auto",
    precision: str = "auto",
    limit: int = 0,
    picture: Path | None = None,
    clip: Path | None = None,
    bars: Bars | None = None,
) -> dict[str, Any]:
    """Estimate the flow of every pair of the data sets and judge it; the report of `evaluate_flow`.

    data:    made, motorcycle or folders, see `find_datasets`
    model:   dis, a model of flow, or FAMILY:FILE
    preset:  of DIS
    size:    longer side of the frames in the computation, px; 0: as `FlowEstimator`
    limit:   most pairs of a data set, evenly from first to last; 0: all
    picture: folder for a PNG of each pair, see `panels`
    clip:    video whose first frame is a texture of made footage; None: noise only
    bars:    to show progress with

    Raises `InputError` for data that are not there and for a backend, a precision or a GPU with
    DIS, `EngineError` for an engine that cannot be had.
    """
    texture = None if clip is None else read_video(clip).frames[0]
    datasets = [
        found.thinned(limit) for where in data for found in find_datasets(where, picture=texture)
    ]
    names = [dataset.name for dataset in datasets]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(f"data: expected every data set once, found {', '.join(twice)} twice")
    engine = _engine(model, backend, device, precision)
    about = {
        "model": _about(engine, preset),
        "settings": {"size": size, "limit": limit},
        "data": [
            {"name": dataset.name, "source": dataset.source, "pairs": len(dataset.pairs)}
            for dataset in datasets
        ],
        "versions": _versions(engine),
    }
    settings = {"engine": engine, "preset": preset, "size": size}
    return evaluate_flow(_estimates(datasets, settings, picture, bars), about=about)


def _engine(model: str, backend: str, device: str, precision: str) -> Engine | None:
    if model == DIS:
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
    found = resolve(model)
    check_flow(found)
    network = network_of(found)
    return build_engine(found, network, backend=backend, device=device, precision=precision)


def _estimates(
    datasets: Sequence[Dataset],
    settings: dict[str, Any],
    picture: Path | None,
    bars: Bars | None,
) -> Iterator[tuple[Tensor, Truth]]:
    for dataset in datasets:
        step = None if bars is None else bars.start(dataset.name, 2 * len(dataset.pairs))
        for pair in dataset.pairs:
            frames, truth = pair.load()
            flow = estimate_flow(frames, **settings).main
            yield flow, truth
            if picture is not None:  # of what was found to be flow
                _draw(picture, dataset, pair, panels(frames, flow.cpu(), truth))
            if step is not None:
                step(2)  # frames


def panels(frames: Tensor, flow: Tensor, truth: Truth) -> Tensor:
    """[2H,2W,3] 0..1 of a pair: its first frame and the true flow; below, the error, from black to
    white at 5 px, and the flow.

    Both flows are in full colour at the fastest true motion; where that is not known, grey.
    """
    known = truth.valid[0, ..., None]
    fastest = torch.where(truth.valid, lengths(truth.flow), 0).amax((1, 2)).clamp(min=1)
    unknown = torch.full((1, 1, 3), 0.5)
    right, found = (flow_colours(one, fastest)[0] for one in (truth.flow, flow))
    error = end_point_errors(flow, truth.flow)[0, ..., None].expand_as(right) / _FARTHEST
    above = torch.cat([frames[0], torch.where(known, right, unknown)], 1)
    below = torch.cat([torch.where(known, error.clamp(max=1), unknown), found], 1)
    return torch.cat([above, below])


def _draw(folder: Path, dataset: Dataset, pair: Pair, image: Tensor) -> None:
    from PIL import Image

    name = "_".join(dict.fromkeys((dataset.name, pair.sequence, pair.name)))
    path = folder / f"{name}.png"
    with written_aside(path) as aside:
        Image.fromarray((image * 255).round().byte().numpy()).save(aside)


def _about(engine: Engine | None, preset: str) -> dict[str, Any]:
    """What computed the flow."""
    if engine is None:
        return {"name": DIS, "preset": preset, "backend": "opencv", "device": "cpu"}
    entry = engine.model.entry
    return {
        "name": entry.name,
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


def print_flow(report: dict[str, Any]) -> None:
    """The report as tables: data sets with their sequences, then bands of speed."""
    model, total = report["meta"]["model"], report["total"]
    what = ", ".join(str(model[key]) for key in ("preset", "precision") if key in model)
    print(
        f"{model['name']} ({what}) on {model['backend']}, {total['pairs']} pairs, "
        f"{total['all']['pixels']:,} pixels with a known motion"
    )
    print()
    rows = [_row(name, found) for name, found in _parts(report, sequences=True)]
    print_table(["", *_COLUMNS], rows, ",".join(_COLUMNS))
    print()
    bands = list(report["thresholds"]["speeds_px"])
    print_table(
        ["EPE by true speed, px a frame", *bands],
        [
            [name.strip(), *(_px(found["speeds"][band]["epe"]) for band in bands)]
            for name, found in _parts(report, sequences=False)
        ],
        ",".join(bands),
    )


def _parts(report: dict[str, Any], *, sequences: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    """Data sets and, indented, their sequences, by name; then all of it."""
    for name, dataset in report["datasets"].items():
        yield name, dataset
        if sequences and len(dataset["sequences"]) > 1:
            yield from ((f"  {part}", found) for part, found in dataset["sequences"].items())
    if len(report["datasets"]) > 1:
        yield "total", report["total"]


def _row(name: str, found: dict[str, Any]) -> list[str]:
    figures = found["all"]
    return [
        name,
        str(found["pairs"]),
        *(_px(figures[key]) for key in ("epe", "median_epe")),
        *(_percent(figures[key]) for key in ("over_1px", "over_3px", "over_5px", "fl")),
        _px(figures["angle"]),
        *(_px(found[group]["epe"]) for group in ("visible", "occluded")),
    ]


def _px(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"
