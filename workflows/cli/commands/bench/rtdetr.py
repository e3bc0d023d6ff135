"""`kinograph bench rtdetr`: images per second in training and inference, against transformers."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from ....bench.figures import Figure, Table
from ...arguments import add_debug, add_device, add_report, add_runs, parsed_size
from ...command import Command


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", default="small", help="nano or small (default)")
    parser.add_argument(
        "--size", metavar="WxH", help="of the input (default: small 320x320, nano 64x64)"
    )
    parser.add_argument("--batch", type=int, default=16, help="images per step (default 16)")
    parser.add_argument("--amp", default="none", help="of training: none (default), fp16 or bf16")
    add_runs(parser, 10)
    parser.add_argument("--no-baseline", action="store_true", help="do not measure transformers")
    add_report(parser)


def _run(arguments: argparse.Namespace) -> int:
    from .....engines.words import counted
    from ....bench.rtdetr import bench_rtdetr
    from ...terminal import print_table, write_report

    size = arguments.size
    report = bench_rtdetr(
        model=arguments.model,
        size=None if size is None else parsed_size("--size", size),
        batch=arguments.batch,
        amp=arguments.amp,
        device=arguments.device,
        runs=arguments.runs,
        baseline=not arguments.no_baseline,
    )
    width, height = report["size"]
    print(
        f"{width}x{height}, batches of {report['batch']}, training with amp {report['amp']}, "
        f"{report['device']}, {counted(report['threads'], 'thread')}, "
        f"median of {counted(report['runs'], 'run')}"
    )
    print_table(*_table(report["networks"]))
    for backend, by_precision in report["engines"].items():
        for name, spent in by_precision.items():
            if isinstance(spent, str):
                print(f"{backend} {name}: none: {spent}")
            else:
                floor = report["floor"][name]
                print(
                    f"{backend} {name}: {spent:.3f} ms an image, {spent / floor:.1f} times as long "
                    "as the floor"
                )
    for name, floor in report["floor"].items():
        ours = next(iter(report["networks"].values()))["infer_ms_per_image"][name]
        print(
            f"{name}: at the rate of large matrix products here the first network would take "
            f"{floor:.3f} ms an image, which is the floor; module by module it takes "
            f"{ours / floor:.1f} times as long"
        )
    write_report(report, arguments.json)
    return 0


def _table(networks: dict[str, Any]) -> tuple[list[str], list[list[str]], str]:
    rows = []
    precisions = list(next(iter(networks.values()))["infer_ms_per_image"])
    header = ["network", "parameters (M)", "GFLOP/image", "training images/s"]
    header += ["training GiB"] if any(n["train_gpu_bytes"] for n in networks.values()) else []
    header += [f"inference {name} (ms)" for name in precisions]
    for name, found in networks.items():
        row = [name, f"{found['parameters'] / 1e6:.1f}", f"{found['gflop']:.2f}"]
        row.append(f"{found['train_images_per_s']:.1f}")
        if "training GiB" in header:
            row.append(f"{found['train_gpu_bytes'] / 2**30:.2f}")
        rows.append([*row, *(f"{found['infer_ms_per_image'][p]:.3f}" for p in precisions)])
    return header, rows, ",".join(header[1:])


def _figures(report: Mapping[str, Any]) -> list[Figure]:
    ours, theirs = report["networks"].items()
    name, found = theirs
    training = [1000 / each["train_images_per_s"] for _, each in (ours, theirs)]
    return [
        Figure("training, per image", training[0], name, training[1]),
        *(
            Figure(
                f"inference {precision}, per image",
                ms,
                name,
                found["infer_ms_per_image"][precision],
            )
            for precision, ms in ours[1]["infer_ms_per_image"].items()
        ),
    ]


TABLES = (
    Table(
        "RT-DETR",
        {"cpu": "rtdetr --batch 4 --runs 3", "cuda": "rtdetr"},
        _figures,
        quick="--model nano --batch 2 --runs 1",
    ),
)


COMMAND = Command(
    name="rtdetr",
    help="time training and inference of the object detector, against transformers' RT-DETR",
    run=_run,
    arguments=(add_debug, add_device, _add_arguments),
    order=35,
)
