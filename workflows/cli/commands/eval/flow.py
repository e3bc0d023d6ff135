"""`kinograph eval flow`: the error of optical flow on footage whose motion is known."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ....graph.shipped import demo_clip
from ...arguments import add_backend, add_debug, add_device, add_precision
from ...command import Command

_COLUMNS = (
    *("pairs", "EPE", "median", ">1 px", ">3 px", ">5 px", "Fl"),
    *("angle", "visible", "occluded"),
)


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data",
        nargs="+",
        default=["made", "motorcycle"],
        metavar="DATA",
        help="made, motorcycle (from scikit-image), or folders of MPI Sintel, KITTI, FlyingChairs "
        "or Middlebury (default: made motorcycle)",
    )
    parser.add_argument("--model", default="dis", help="dis (default), a model, or FAMILY:FILE")
    parser.add_argument(
        "--preset", default="medium", help="preset of DIS: ultrafast, fast or medium (default)"
    )
    parser.add_argument(
        "--size",
        type=int,
        default=0,
        help="longer side during the computation, px; 0: as recommended, for DIS that of the "
        "frames",
    )
    add_backend(parser)
    add_device(parser)
    add_precision(parser)
    parser.add_argument(
        "--limit", type=int, default=0, metavar="N", help="most pairs per data set; 0: all"
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the report as JSON")
    parser.add_argument(
        "--picture",
        type=Path,
        metavar="DIR",
        help="write a PNG of each pair: first frame, true flow, error, estimated flow",
    )


def _run(arguments: argparse.Namespace) -> int:
    from .....engines.evaluation.flow_model import evaluate_flow_model
    from ...terminal import Bars, write_report

    with Bars() as bars:
        report = evaluate_flow_model(
            arguments.data,
            model=arguments.model,
            preset=arguments.preset,
            size=arguments.size,
            backend=arguments.backend,
            device=arguments.device,
            precision=arguments.precision,
            limit=arguments.limit,
            picture=arguments.picture,
            clip=demo_clip(),
            progress=bars.start,
        )
    _print(report)
    write_report(report, arguments.output)
    return 0


def _print(report: dict[str, Any]) -> None:
    """Print two tables: data sets with their sequences, then bands of speed."""
    from ...terminal import counted, print_table

    model, total = report["meta"]["model"], report["total"]
    what = ", ".join(str(model[key]) for key in ("preset", "precision") if key in model)
    print(
        f"{model['name']} ({what}) on {model['backend']}, {counted(total['pairs'], 'pair')}, "
        f"{total['all']['pixels']:,} pixels with a known motion"
    )
    print()
    rows = [_row(name, part) for name, part in _parts(report, sequences=True)]
    print_table(["", *_COLUMNS], rows, ",".join(_COLUMNS))
    print()
    bands = list(report["thresholds"]["speeds_px"])
    print_table(
        ["EPE by true speed, px per frame", *bands],
        [
            [name.strip(), *(_px(part["speeds"][band]["epe"]) for band in bands)]
            for name, part in _parts(report, sequences=False)
        ],
        ",".join(bands),
    )


def _parts(report: dict[str, Any], *, sequences: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield data sets and, indented, their sequences, by name; then the total."""
    for name, dataset in report["datasets"].items():
        yield name, dataset
        if sequences and len(dataset["sequences"]) > 1:
            yield from ((f"  {part}", found) for part, found in dataset["sequences"].items())
    if len(report["datasets"]) > 1:
        yield "total", report["total"]


def _row(name: str, part: dict[str, Any]) -> list[str]:
    figures = part["all"]
    return [
        name,
        str(part["pairs"]),
        *(_px(figures[key]) for key in ("epe", "median_epe")),
        *(_percent(figures[key]) for key in ("over_1px", "over_3px", "over_5px", "fl")),
        _px(figures["angle"]),
        *(_px(part[group]["epe"]) for group in ("visible", "occluded")),
    ]


def _px(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


COMMAND = Command(
    name="flow",
    help="measure the error of flow against known motion",
    run=_run,
    arguments=(add_debug, _add_arguments),
    order=20,
)
