"""`kinograph eval flow`: the error of optical flow on footage whose motion is known."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ....graph.shipped import demo_clip
from ...arguments import add_backend, add_debug, add_device, add_precision
from ...command import Command

if TYPE_CHECKING:
    from .....engines.evaluation.flow_comparison import Way

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
    parser.add_argument(
        "--model",
        nargs="+",
        default=["dis"],
        metavar="MODEL",
        help="dis (default), a model, or FAMILY:FILE; dis@PRESET for another preset, MODEL@N for N "
        "updates. Several are compared in one table: at the frames' own size and at half of it, on "
        "--footage, and on footage that stands still",
    )
    parser.add_argument(
        "--preset", default="medium", help="preset of DIS: ultrafast, fast or medium (default)"
    )
    parser.add_argument(
        "--footage",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="videos whose motion is not known, of several models (default: the shipped clip)",
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
    from .....engines.errors import InputError
    from .....engines.evaluation.flow_comparison import Way
    from .....engines.evaluation.flow_model import evaluate_flow_model
    from ...terminal import Bars, write_report

    ways = [Way.read(text, preset=arguments.preset) for text in arguments.model]
    if len(ways) > 1:
        return _compare(arguments, ways)
    if arguments.footage:
        raise InputError("--footage: expected several models to compare, found one")
    with Bars() as bars:
        report = evaluate_flow_model(
            arguments.data,
            model=ways[0].model,
            preset=ways[0].preset,
            updates=ways[0].updates,
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


def _compare(arguments: argparse.Namespace, ways: list[Way]) -> int:
    from .....engines.errors import InputError
    from .....engines.evaluation.flow_comparison import compare_flow_models
    from ...terminal import Bars, write_report

    for option in ("size", "picture"):
        if getattr(arguments, option):
            raise InputError(
                f"--{option}: expected one model, found {len(ways)}; several are compared at the "
                "frames' own size and at half of it, without pictures"
            )
    with Bars() as bars:
        report = compare_flow_models(
            ways,
            arguments.data,
            footage=arguments.footage or [demo_clip()],
            backend=arguments.backend,
            device=arguments.device,
            precision=arguments.precision,
            limit=arguments.limit,
            clip=demo_clip(),
            progress=bars.start,
        )
    _print_ways(report["ways"])
    write_report(report, arguments.output)
    return 0


def _print_ways(ways: dict[str, Any]) -> None:
    """Print tables of known motion, of footage and of footage that stands still, a row per way."""
    from ...terminal import print_table

    first = next(iter(ways.values()))
    names = [(name, size) for name, sizes in first["datasets"].items() for size in sizes]
    header = [f"{name} {size}" for name, size in names]
    rows = []
    for title, way in ways.items():
        parts = [way["datasets"][name][size]["all"] for name, size in names]
        rows.append([title, *(f"{_px(p['epe'])} ({_percent(p['over_3px'])})" for p in parts)])
    print_table(["EPE in px (over 3 px)", *header], rows, ",".join(header))
    print()
    header = ["error", "where consistent", "consistent"]
    rows = [
        [
            clip,
            title,
            *(_px(way["footage"][clip][key]) for key in ("all_error", "seen_error")),
            _percent(way["footage"][clip]["consistent"]),
        ]
        for clip in first["footage"]
        for title, way in ways.items()
    ]
    print_table(["footage (colours 0..255)", "model", *header], rows, ",".join(header))
    print()
    header = ["mean", "99 % below"]
    rows = [
        [title, *(f"{way['still'][key]:.3f}" for key in ("mean", "most"))]
        for title, way in ways.items()
    ]
    print_table(["px per frame where all is still", *header], rows, ",".join(header))


def _print(report: dict[str, Any]) -> None:
    """Print two tables: data sets with their sequences, then bands of speed."""
    from .....engines.words import counted
    from ...terminal import print_table

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
