"""`kinograph bench train-flow`: steps per second of the flow network's training."""

from __future__ import annotations

import argparse

from ...arguments import add_debug, add_device, add_report, add_runs, parsed_size
from ...command import Command


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--size", default="496x368", metavar="WxH", help="default: 496x368")
    parser.add_argument("--batch", type=int, default=16, help="pairs per step (default 16)")
    parser.add_argument("--updates", type=int, default=10, help="of the flow (default 10)")
    parser.add_argument("--amp", default="auto", help="none or bf16; auto: bf16 on a GPU")
    parser.add_argument(
        "--speedup",
        nargs="+",
        default=[],
        metavar="NAME",
        help="none, compile, graph or both (default: all on a GPU, else none)",
    )
    add_runs(parser, 10)
    parser.add_argument("--no-baseline", action="store_true", help="do not measure torchvision")
    parser.add_argument(
        "--no-scenes", action="store_true", help="do not measure the making of pairs"
    )
    add_report(parser)


def _run(arguments: argparse.Namespace) -> int:
    from .....engines.words import counted
    from ....bench.train_flow import bench_train_flow
    from ...terminal import print_table, write_report

    report = bench_train_flow(
        size=parsed_size("--size", arguments.size),
        batch=arguments.batch,
        updates=arguments.updates,
        amp=arguments.amp,
        speedups=arguments.speedup,
        device=arguments.device,
        runs=arguments.runs,
        baseline=not arguments.no_baseline,
        scenes=not arguments.no_scenes,
    )
    width, height = report["size"]
    print(
        f"batches of {report['batch']} pairs of {width}x{height}, {report['updates']} updates, "
        f"{report['amp']} precision, {report['device']}, "
        f"{counted(report['threads'], 'thread')}, median of {counted(report['runs'], 'run')}"
    )
    for text in report["told"]:
        print(text)
    ways = report["ways"]
    slowest = next(iter(ways.values()))["steps_per_s"]
    header = ["network", "steps/s", "pairs/s", "ratio", "first loss", "GPU GiB", "ready after s"]
    rows = [
        [
            name,
            f"{way['steps_per_s']:.2f}",
            f"{way['steps_per_s'] * report['batch']:.1f}",
            f"{way['steps_per_s'] / slowest:.2f}",
            f"{way['first_loss']:.4f}",
            f"{way['gpu_bytes'] / 2**30:.2f}",
            f"{way.get('ready_s', 0):.0f}",
        ]
        for name, way in ways.items()
    ]
    print_table(header, rows, ",".join(header[1:]))
    if "made_pairs_per_s" in report:
        print(f"pairs are made at {report['made_pairs_per_s']:.1f} pairs/s by themselves")
    write_report(report, arguments.json)
    return 0


COMMAND = Command(
    name="train-flow",
    help="time the training of the flow network, against torchvision's",
    run=_run,
    arguments=(add_debug, add_device, _add_arguments),
    order=37,
)
