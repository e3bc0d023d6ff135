"""The options of `kinograph rtdetr train`."""

from __future__ import annotations

import argparse
from pathlib import Path

from ...arguments import count, ordinal, positive


def add_data(parser: argparse.ArgumentParser) -> None:
    """Add what is learned from."""
    data = parser.add_argument_group("data")
    data.add_argument(
        "--dataset-root",
        type=Path,
        required=True,
        metavar="PATH",
        help="folder with images/SPLIT, labels/SPLIT and dataset.json; an Ultralytics data.yaml; "
        "or annotations of COCO as JSON",
    )
    data.add_argument("--split", default="train", help="default: train")
    data.add_argument("--val-split", metavar="SPLIT", help="validate on this split meanwhile")
    data.add_argument(
        "--val-dataset", type=Path, metavar="PATH", help="of --val-split (default: --dataset-root)"
    )
    data.add_argument(
        "--val-every", type=count, default=1, metavar="N", help="epochs (default 1); 0: never"
    )
    data.add_argument(
        "--val-every-steps", type=count, default=0, metavar="N", help="steps, instead of epochs"
    )
    data.add_argument(
        "--cache",
        default="memory",
        metavar="WHERE",
        help="of the resized images: memory (default), device, none (read from disk each time), or "
        "a folder that keeps them for later runs",
    )
    data.add_argument(
        "--num-workers", type=ordinal, default=2, metavar="N", help="that read images (default 2)"
    )
    for name, what in (("classes", "classes"), ("keypoints", "keypoints")):
        data.add_argument(
            f"--num-{name}", type=count, metavar="N", help=f"check that the data has so many {what}"
        )


def add_changes(parser: argparse.ArgumentParser) -> None:
    """Add how images are changed by chance."""
    group = parser.add_argument_group(
        "changes by chance", "Poses and keypoints are changed along with the images."
    )
    group.add_argument("--hflip-prob", type=float, default=0.0, metavar="P", help="mirrored")
    group.add_argument(
        "--multiscale", action="store_true", help="closer or farther, by --scale-min to --scale-max"
    )
    group.add_argument("--scale-min", type=float, default=0.8, metavar="S", help="default: 0.8")
    group.add_argument("--scale-max", type=float, default=1.2, metavar="S", help="default: 1.2")
    group.add_argument(
        "--extrinsics-jitter",
        action="store_true",
        help="turn the camera by up to --jitter-dyaw, --jitter-dpitch and --jitter-droll",
    )
    for name, degrees in (("dyaw", 2.0), ("dpitch", 1.0), ("droll", 1.0)):
        group.add_argument(
            f"--jitter-{name}",
            type=float,
            default=degrees,
            metavar="DEG",
            help=f"degrees (default {degrees:g})",
        )
    group.add_argument(
        "--intrinsics-jitter",
        action="store_true",
        help="another camera than the labels say, by up to --jitter-dfx, -dfy, -dcx and -dcy; "
        "k_delta learns",
    )
    for name, default, what in (
        ("dfx", 0.02, "part of the focal length"),
        ("dfy", 0.02, "part of the focal length"),
        ("dcx", 4.0, "pixels of the input"),
        ("dcy", 4.0, "pixels of the input"),
    ):
        group.add_argument(
            f"--jitter-{name}",
            type=float,
            default=default,
            metavar="X",
            help=f"{what} (default {default:g})",
        )
    group.add_argument(
        "--mosaic-prob", type=float, default=0.0, metavar="P", help="four images in one; no poses"
    )
    group.add_argument("--colour-jitter", type=float, default=0.0, metavar="PART", help="RGB, each")
    group.add_argument("--hsv-h", type=float, default=0.0, metavar="PART", help="hue")
    group.add_argument("--hsv-s", type=float, default=0.0, metavar="PART", help="saturation")
    group.add_argument("--hsv-v", type=float, default=0.0, metavar="PART", help="brightness")
    group.add_argument("--hsv-prob", type=float, default=1.0, metavar="P", help="of these three")
    group.add_argument("--gray-prob", type=float, default=0.0, metavar="P", help="without colours")
    group.add_argument("--blur-prob", type=float, default=0.0, metavar="P", help="blurred")
    group.add_argument("--blur-sigma", type=float, default=1.0, metavar="PX", help="at most")
    group.add_argument("--gaussian-noise-prob", type=float, default=1.0, metavar="P", help="noisy")
    group.add_argument(
        "--gaussian-noise-std", type=float, default=0.0, metavar="S", help="for colours in 0..1"
    )


def add_network(parser: argparse.ArgumentParser) -> None:
    """Add what is trained."""
    model = parser.add_argument_group("network")
    model.add_argument("--model", default="nano", help="nano (default) or small")
    model.add_argument(
        "--image-size", metavar="N or WxH", help="of the input, px (default: nano 64, small 320)"
    )
    model.add_argument(
        "--num-queries", type=ordinal, metavar="N", help="objects proposed per image"
    )
    model.add_argument("--hidden-dim", type=ordinal, metavar="N", help="channels of the decoder")
    model.add_argument(
        "--backbone-name",
        metavar="NAME",
        help="plain (default), or movenet: that of the included network for people, trained",
    )
    model.add_argument(
        "--keypoint-scores", action="store_true", help="also tell which keypoints can be seen"
    )
    model.add_argument(
        "--use-uncertainty", action="store_true", help="also tell how far poses may be off"
    )


def add_steps(parser: argparse.ArgumentParser) -> None:
    """Add how it is trained."""
    steps = parser.add_argument_group("training")
    length = steps.add_mutually_exclusive_group()
    length.add_argument(
        "--epochs", type=ordinal, default=30, metavar="N", help="times that each image is seen"
    )
    length.add_argument(
        "--steps",
        "--max-steps",
        type=ordinal,
        metavar="N",
        help="steps in all, instead of --epochs",
    )
    length.add_argument(
        "--minutes",
        type=positive,
        metavar="M",
        help="as many steps as take so long here, by the time of the first ones; validations come "
        "on top",
    )
    steps.add_argument(
        "--batch-size", type=ordinal, default=16, metavar="N", help="of each process (default 16)"
    )
    steps.add_argument(
        "--grad-accum", type=ordinal, default=1, metavar="N", help="batches per step (default 1)"
    )
    steps.add_argument("--optimizer", default="adamw", help="adamw (default) or sgd")
    steps.add_argument("--lr", type=positive, default=1e-3, help="learning rate (default 0.001)")
    steps.add_argument(
        "--backbone-lr-mult",
        type=float,
        default=1.0,
        metavar="PART",
        help="of the learning rate, for the backbone (default 1)",
    )
    steps.add_argument("--weight-decay", type=float, default=1e-4, help="default: 0.0001")
    steps.add_argument(
        "--scheduler", default="cosine", help="none, cosine (default), onecycle or multistep"
    )
    steps.add_argument("--lr-warmup-steps", type=count, default=50, metavar="N", help="default: 50")
    steps.add_argument(
        "--clip-grad-norm", type=float, default=1.0, help="longest gradient; 0: any (default 1)"
    )
    steps.add_argument(
        "--ema-decay", type=float, default=0.99, help="of averaged weights; 0: none (default 0.99)"
    )
    steps.add_argument(
        "--early-stop-patience",
        type=count,
        default=0,
        metavar="N",
        help="end after so many validations without a better box AP; 0 (default): never",
    )
    steps.add_argument(
        "--early-stop-min-delta", type=float, default=0.0, metavar="X", help="what is better"
    )
    steps.add_argument("--denoising-groups", type=count, default=0, metavar="N", help="default: 0")
    for name, default in (("cls", 2.0), ("bbox", 5.0), ("giou", 2.0)):
        steps.add_argument(
            f"--cost-{name}",
            type=float,
            default=default,
            metavar="X",
            help=f"weight in the assignment (default {default:g})",
        )
    for name in ("z", "rot", "keypoints", "oks"):
        steps.add_argument(
            f"--cost-{name}", type=float, default=0.0, metavar="X", help="default: 0"
        )
    steps.add_argument("--amp", default="none", help="mixed precision: none, fp16 or bf16")
    steps.add_argument("--seed", type=count, default=0, help="default: 0")
    steps.add_argument(
        "--deterministic",
        action="store_true",
        help="the same numbers in every run, checked on the first step, or an error",
    )
    steps.add_argument(
        "--ddp",
        action="store_true",
        help="several processes, started by torchrun --nproc-per-node N -m kinograph.workflows.cli",
    )
    for name, what in (
        ("--real-images", "images are always those of the data"),
        ("--use-matcher", "objects are always assigned by least cost"),
        ("--use-ema", "see --ema-decay"),
        ("--ema-eval", "averaged weights are always those that are validated"),
        ("--stop-on-non-finite-loss", "NaN always stops a run"),
    ):
        steps.add_argument(name, action="store_true", help=f"accepted; {what}")


def add_run(parser: argparse.ArgumentParser) -> None:
    """Add what is written."""
    run = parser.add_argument_group("run")
    run.add_argument(
        "--run-dir",
        type=Path,
        metavar="DIR",
        help="what is written (default with --run-contract: runs/RUN_ID)",
    )
    run.add_argument(
        "--run-contract",
        action="store_true",
        help="folders checkpoints, reports and exports in it, with run_meta.json",
    )
    run.add_argument("--run-id", metavar="NAME", help="of --run-contract (default: the time)")
    run.add_argument(
        "--resume-from", type=Path, metavar="FILE", help="checkpoint of a run to go on with"
    )
    run.add_argument(
        "--save-every", type=ordinal, default=500, metavar="N", help="steps (default 500)"
    )
