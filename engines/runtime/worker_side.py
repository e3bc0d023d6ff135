"""The worker's side of `worker`: what a script does that was started by its path.

Such a script runs this file by its path, too. From then on the neighbours of both are not found as
top-level modules any more.
"""

import json
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

Say = Callable[..., None]

_HERE = Path(__file__).resolve().parent
sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != _HERE]


def serve(work: Callable[[dict[str, Any], Say], bytes]) -> None:
    """Read the request, do the work, write what it returns to `target`, and report the result.

    work: gets the request and a function that sends a message, its keywords
    """
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print must not mix with the lines

    def say(**message: object) -> None:
        out.write(json.dumps(message) + "\n")
        out.flush()

    request = json.loads(sys.stdin.readline())
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    try:
        Path(request["target"]).write_bytes(work(request, say))
    except Exception as error:  # its text goes to the parent
        say(error=f"{error}" or type(error).__name__)
    else:
        say(done=True)


def _leave_with_parent() -> None:
    sys.stdin.read()
    os._exit(1)
