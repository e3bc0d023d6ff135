"""`kinograph bench flow_scenes`: made training pairs for optical flow, per second, and their
motion."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...arguments import add_debug, add_device, add_report, frame_size, ordinal
from ...command import Command

if TYPE_CHECKING:
    from .....engines.datasets.flow_scenes import FlowPairs


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--size", type=frame_size, default=(368, 496), metavar="WxH", help="default: 496x368"
    )
    parser.add_argument("--pairs", type=ordinal, default=160, help="pairs (default 160)")
    parser.add_argument("--batch", type=ordinal, default=16, help="pairs per call (default 16)")
    parser.add_argument("--seed", type=int, default=0, help="of the pairs (default 0)")
    parser.add_argument(
        "--sheet",
        type=Path,
        metavar="FILE",
        help="write the pairs of the first call as a PNG: both frames, motion, what is occluded, "
        "and how far the second frame, moved back, is from the first one",
    )
    add_report(parser)


def _run(arguments: argparse.Namespace) -> int:
    from ....bench.flow_scenes import bench_flow_scenes
    from ...terminal import write_report

    report, pairs = bench_flow_scenes(
        size=arguments.size,
        pairs=arguments.pairs,
        batch=arguments.batch,
        seed=arguments.seed,
        device=arguments.device,
    )
    _print(report)
    if arguments.sheet is not None:
        _write(arguments.sheet, pairs)
    write_report(report, arguments.json)
    return 0


def _print(report: dict[str, Any]) -> None:
    from .....engines.words import counted
    from ...terminal import print_table

    width, height = report["size"]
    print(
        f"{width}x{height}, {counted(report['pairs'], 'pair')}, {report['batch']} per call, "
        f"{report['textures']}\n"
        f"{report['device']}, {counted(report['threads'], 'thread')}: prepared in "
        f"{report['preparing_s']:.1f} s, then {report['pairs_per_second']:.1f} pairs/s\n"
        f"second frame moved back, without effects: {report['error']:.4f} from the first one"
    )
    rows = [
        ["still", f"{report['still_pixels']:.1%}"],
        *([f"below {n} px", f"{part:.1%}"] for n, part in report["pixels_below_px"].items()),
        ["occluded", f"{report['occluded_pixels']:.1%}"],
    ]
    print_table(["motion", "pixels"], rows, "pixels")
    points = (f"{p}%: {px:.1f}" for p, px in report["percentiles_px"].items())
    print(
        f"percentiles, px: {', '.join(points)}; longest: {report['longest_px']:.0f}; "
        f"pairs without any motion: {report['still_pairs']:.1%}"
    )


def _write(path: Path, pairs: FlowPairs) -> None:
    from PIL import Image

    from .....engines.datasets.flow_scenes.sheet import sheet
    from .....engines.files import atomic_write

    picture = Image.fromarray((sheet(pairs) * 255).round().byte().cpu().numpy())
    with atomic_write(path) as aside:
        picture.save(aside, "PNG")
    print(f"pairs: {path}")


COMMAND = Command(
    name="flow_scenes",
    help="time making training pairs for optical flow, and describe their motion",
    run=_run,
    arguments=(add_debug, add_device, _add_arguments),
    order=26,
)
