"""The command `kinograph`. Imports what a subcommand needs when it runs: help is instant."""

from __future__ import annotations

import argparse
import json
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from .. import __version__
from .engine_cli import add_commands
from .eval_cli import add_commands as add_eval
from .memory import keep_freed_memory

HERE = Path(__file__).parent
DEMO_GRAPH = HERE / "api" / "pose_to_vace.json"
MEDIA = HERE / "media"
OUTPUT = Path("kinograph-output")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line. Returns 0, or 2 for a mistake of the user's, 1 for one of ours."""
    argv = sys.argv[1:] if argv is None else list(argv)
    arguments = _parser(argv).parse_args(argv)
    # Before PyTorch is imported: huge pages for large tensors, a third of a network's time on a
    # Linux CPU, where every fresh activation is otherwise paged in 4 KiB at a time.
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    keep_freed_memory()
    from ..engines.errors import KinographError

    try:
        run: Callable[[argparse.Namespace], int] = arguments.run
        return run(arguments)
    except KinographError as error:
        if arguments.debug:
            raise
        print(f"kinograph: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("kinograph: cancelled", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 0  # the reader of our output, e.g. head, has seen enough
    except Exception as error:
        if arguments.debug:
            raise
        last = traceback.extract_tb(error.__traceback__)[-1]
        print(
            f"kinograph: internal error: {type(error).__name__}: {error} "
            f"({Path(last.filename).name}:{last.lineno}); run again with --debug and report it",
            file=sys.stderr,
        )
        return 1


def _parser(argv: Sequence[str] = ()) -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--debug", action="store_true", help="show tracebacks")
    running = argparse.ArgumentParser(add_help=False)
    running.add_argument(
        "--device", default="auto", help="where networks run: cpu, cuda or auto (default)"
    )
    saving = argparse.ArgumentParser(add_help=False)
    saving.add_argument(
        "--output-dir", type=Path, default=OUTPUT, metavar="DIR", help=f"default: {OUTPUT}"
    )
    parser = argparse.ArgumentParser(
        prog="kinograph", description="Video to motion conditioning for VACE and ControlNet models."
    )
    parser.add_argument("--version", action="version", version=f"kinograph {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    demo = commands.add_parser(
        "demo",
        parents=[common, running, saving],
        help="run the shipped graph on the shipped clip",
    )
    demo.set_defaults(run=_demo)

    run = commands.add_parser(
        "run", parents=[common, running, saving], help="run a graph in API format"
    )
    run.add_argument("graph", type=Path, metavar="GRAPH.json")
    run.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NODE.INPUT=VALUE",
        help="change an input; NODE is an id or a class name that occurs once",
    )
    run.set_defaults(run=_run)

    nodes = commands.add_parser("nodes", parents=[common], help="list the nodes and their sockets")
    nodes.add_argument("--json", action="store_true", help="print as JSON")
    nodes.set_defaults(run=_nodes)

    doctor = commands.add_parser("doctor", parents=[common], help="say what this machine can do")
    doctor.set_defaults(run=_doctor)

    bench = commands.add_parser("bench", parents=[common], help="measure")
    subjects = bench.add_subparsers(required=True, metavar="SUBJECT")
    pose = subjects.add_parser(
        "pose", parents=[common, running], help="milliseconds a frame, by stage, video to VACE"
    )
    pose.add_argument("--video", type=Path, help="default: the shipped clip")
    pose.add_argument("--runs", type=int, default=5, help="runs to take the median of (default 5)")
    pose.add_argument("--size", type=int, default=0, help="detection size; 0: recommended")
    pose.add_argument("--precision", default="auto", help="auto (default), fp32, fp16 or bf16")
    pose.add_argument("--style", default="vace", help="drawing style (default vace)")
    pose.add_argument("--json", type=Path, metavar="FILE", help="write the figures, too")
    pose.add_argument(
        "--resident",
        metavar="WxH",
        help="instead: frames of this size on the device to maps there, against one by one",
    )
    pose.add_argument("--frames", type=int, default=64, help="with --resident (default 64)")
    pose.add_argument("--batch", type=int, default=16, help="with --resident (default 16)")
    pose.add_argument("--backend", default="auto", help="auto (default) or a backend's name")
    pose.set_defaults(run=_bench_pose)
    _add_bench_flow(subjects, common, running)
    # The registry is read only where its names are asked for.
    add_commands(commands, subjects, common, running, models="bench" in argv)
    add_eval(commands, common)
    return parser


def _add_bench_flow(
    subjects: Any, common: argparse.ArgumentParser, running: argparse.ArgumentParser
) -> None:
    flow = subjects.add_parser(
        "flow", parents=[common, running], help="milliseconds a pair of frames, and torchvision's"
    )
    flow.add_argument(
        "--model",
        default="raft_small",
        help="raft_small (default) or raft_large with random weights, dis, a name of the "
        "registry, or FAMILY:FILE",
    )
    flow.add_argument("--size", default="512x512", metavar="WxH", help="default: 512x512")
    flow.add_argument(
        "--batch", type=int, default=16, help="pairs a call (default 16); dis: frames"
    )
    flow.add_argument("--updates", type=int, default=0, help="0: as the network is usually run")
    flow.add_argument("--both", action="store_true", help="both directions in one pass")
    flow.add_argument("--backend", default="auto", help="auto (default) or a backend's name")
    flow.add_argument("--precision", default="auto", help="auto (default), fp32, fp16 or bf16")
    flow.add_argument(
        "--runs", type=int, default=10, help="runs to take the median of (default 10)"
    )
    flow.add_argument("--no-baseline", action="store_true", help="leave torchvision out")
    flow.add_argument("--video", type=Path, help="default: the shipped clip")
    flow.add_argument("--json", type=Path, metavar="FILE", help="write the figures, too")
    flow.set_defaults(run=_bench_flow)


def _demo(arguments: argparse.Namespace) -> int:
    return _run_graph(DEMO_GRAPH, [], arguments)


def _run(arguments: argparse.Namespace) -> int:
    return _run_graph(arguments.graph, arguments.set, arguments)


def _run_graph(path: Path, assignments: list[str], arguments: argparse.Namespace) -> int:
    from ..nodes.standin import host
    from .catalogue import catalogue
    from .execute import execute
    from .graph import load_graph, with_values
    from .plan import check
    from .report import Bars, print_runs

    graph = load_graph(path)
    nodes = catalogue()
    settings = host.Settings(
        output=arguments.output_dir,
        inputs=(Path.cwd(), path.resolve().parent, MEDIA),
        device=arguments.device,
    )
    with host.using(settings):
        plan = check(with_values(graph, assignments, nodes), nodes)
    for warning in plan.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    with Bars() as bars:
        runs = execute(plan, nodes, settings, bars.start)
    print_runs(runs)
    return 0


def _nodes(arguments: argparse.Namespace) -> int:
    from .catalogue import catalogue
    from .report import print_nodes, schema_as_dict

    nodes = catalogue()
    if arguments.json:
        print(json.dumps({n: schema_as_dict(nodes.require(n)) for n in nodes.names()}, indent=2))
    else:
        print_nodes(nodes)
    return 0


def _doctor(arguments: argparse.Namespace) -> int:
    from .doctor import print_doctor

    print_doctor()
    return 0


def _bench_pose(arguments: argparse.Namespace) -> int:
    from .report import write_report

    video = arguments.video or next(MEDIA.glob("*.mp4"))
    common = {
        "device": arguments.device,
        "precision": arguments.precision,
        "backend": arguments.backend,
        "runs": arguments.runs,
    }
    if arguments.resident:
        from .bench_resident import bench_resident, print_resident
        from .engine_cli import parsed_size

        report = bench_resident(
            video,
            parsed_size("--resident", arguments.resident),
            frames=arguments.frames,
            batch=arguments.batch,
            detection_size=arguments.size,
            **common,
        )
        print_resident(report)
    else:
        from .bench import bench_pose, print_bench

        report = bench_pose(video, size=arguments.size, style=arguments.style, **common)
        print_bench(report)
    write_report(report, arguments.json)
    return 0


def _bench_flow(arguments: argparse.Namespace) -> int:
    from .bench_flow import bench_flow, print_flow
    from .engine_cli import parsed_size
    from .report import write_report

    report = bench_flow(
        arguments.video or next(MEDIA.glob("*.mp4")),
        model=arguments.model,
        size=parsed_size("--size", arguments.size),
        batch=arguments.batch,
        updates=arguments.updates,
        both=arguments.both,
        device=arguments.device,
        backend=arguments.backend,
        precision=arguments.precision,
        runs=arguments.runs,
        baseline=not arguments.no_baseline,
    )
    print_flow(report)
    write_report(report, arguments.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
