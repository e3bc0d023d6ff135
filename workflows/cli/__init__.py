"""The command `kinograph`. Modules are imported when a command needs them: help is instant."""

from __future__ import annotations

import io
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from ..execution.cores import follow_cores
from ..execution.memory import keep_freed_memory
from .parser import make_parser

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit status.

    argv: the arguments; default: those of this process

    Returns 0 on success, 2 for a user error, 1 for an internal error, 130 when cancelled; a command
    may return other statuses.
    """
    argv = sys.argv[1:] if argv is None else list(argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # file names may not be valid text
            stream.reconfigure(errors="backslashreplace")
    arguments = make_parser(argv).parse_args(argv)
    # Before PyTorch is imported: huge pages for large tensors save a third of a network's time on a
    # Linux CPU, where every new activation is otherwise paged in 4 KiB at a time.
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    keep_freed_memory()
    follow_cores()
    from ...engines.errors import KinographError

    try:
        status: int = arguments.run(arguments)
        return status
    except KinographError as error:
        if arguments.debug:
            raise
        print(f"kinograph: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("kinograph: cancelled", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 0  # the reader of our output, such as head, has seen enough
    except Exception as error:
        if arguments.debug:
            raise
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = "".join(f"{note}: " for note in getattr(error, "__notes__", ()))
        print(
            f"kinograph: internal error: {where}{type(error).__name__}: {error} "
            f"({Path(last.filename).name}:{last.lineno}); run the command again with --debug, and "
            "report the traceback",
            file=sys.stderr,
        )
        return 1
