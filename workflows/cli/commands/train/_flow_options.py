"""The options of `kinograph train flow`."""

from __future__ import annotations

import argparse
from pathlib import Path

from ...arguments import count, frame_size, ordinal, positive


def add_run(parser: argparse.ArgumentParser) -> None:
    """Add what is written and how long it takes."""
    run = parser.add_argument_group("run")
    run.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder of checkpoints and figures"
    )
    length = run.add_mutually_exclusive_group()
    length.add_argument(
        "--minutes",
        type=positive,
        default=25.0,
        metavar="M",
        help="of this run, with everything that it does (default 25)",
    )
    length.add_argument(
        "--steps",
        type=ordinal,
        default=0,
        metavar="N",
        help="in all, with those of the runs before, instead of --minutes",
    )
    run.add_argument(
        "--decay",
        type=float,
        default=0.2,
        metavar="PART",
        help="of this run, at its end, in which the learning rate falls to 0: 0..0.9 (default "
        "0.2); 0: it stays, for a run that is gone on with",
    )
    run.add_argument(
        "--resume",
        action="store_true",
        help="go on with the run in --out: from before its learning rate fell, or, if it was "
        "stopped in the fall, to the end of that",
    )
    run.add_argument(
        "--weights",
        metavar="MODEL",
        help="begin with these instead of random ones: a file of raft_small, or a model's name",
    )
    run.add_argument(
        "--photographs",
        type=Path,
        metavar="DIR",
        help="whose parts are the textures of pairs (default: those of scikit-image)",
    )
    run.add_argument(
        "--save-every", type=ordinal, default=500, metavar="N", help="steps (default 500)"
    )
    run.add_argument(
        "--validate-every",
        type=count,
        default=1000,
        metavar="N",
        help="steps (default 1000); 0: never",
    )


def add_learning(parser: argparse.ArgumentParser) -> None:
    """Add how it is trained."""
    group = parser.add_argument_group(
        "training", "A run that goes on may change all of these but --seed and --ema."
    )
    group.add_argument(
        "--size",
        type=frame_size,
        default=(368, 496),
        metavar="WxH",
        help="of the pairs, multiples of 8 (default 496x368)",
    )
    group.add_argument("--batch", type=ordinal, default=16, metavar="N", help="pairs (default 16)")
    group.add_argument(
        "--updates", type=ordinal, default=10, metavar="N", help="of the flow (default 10)"
    )
    group.add_argument("--lr", type=positive, default=4e-4, help="learning rate (default 0.0004)")
    group.add_argument(
        "--warmup", type=count, default=500, metavar="N", help="first steps (default 500)"
    )
    group.add_argument(
        "--weight-decay", type=float, default=1e-4, metavar="X", help="default: 0.0001"
    )
    group.add_argument(
        "--clip", type=float, default=1.0, metavar="X", help="longest gradient (default 1)"
    )
    group.add_argument(
        "--ema",
        type=float,
        default=0.999,
        metavar="X",
        help="decay of averaged weights (default 0.999)",
    )
    group.add_argument(
        "--amp", default="auto", help="none or bf16; auto (default): bf16 on a GPU, else none"
    )
    group.add_argument("--seed", type=count, default=0, metavar="N", help="default: 0")


def add_speed(parser: argparse.ArgumentParser) -> None:
    """Add how it is made quick."""
    group = parser.add_argument_group("speed")
    group.add_argument(
        "--speedup",
        default="auto",
        help="compile: by torch.compile; graph: each step from a CUDA graph; both; none; auto "
        "(default): both on a GPU, else none. Where one fails, the next is tried, and said",
    )
    group.add_argument(
        "--at-once",
        type=count,
        default=0,
        metavar="N",
        help="pairs that are made together (default: four batches on a GPU, else one)",
    )
