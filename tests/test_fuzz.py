"""Whatever strangers give the command, it answers with status 0 or 2; see support/fuzzing.py.

KINOGRAPH_FUZZ_SECONDS is the time for each kind of input, KINOGRAPH_FUZZ_SEED another beginning.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fuzzing import KINDS

pytestmark = pytest.mark.long

_SCRIPT = Path(__file__).parent / "support" / "fuzzing.py"
_SECONDS = float(os.environ.get("KINOGRAPH_FUZZ_SECONDS", "3"))
_SEED = os.environ.get("KINOGRAPH_FUZZ_SEED", "0")


@pytest.mark.skipif(os.name != "posix", reason="pipes, links, and limits of processes")
@pytest.mark.parametrize("kind", KINDS)
def test_any_input_is_answered(kind: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(_SCRIPT), kind, _SEED, str(_SECONDS), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=_SECONDS + 120,
        check=False,
    )
    last = "\n".join(done.stdout.splitlines()[-30:])
    assert done.returncode == 0, f"{last}\n{done.stderr[-5000:]}"
    assert done.stdout.endswith(" cases\n")
    assert int(done.stdout.split()[-2]) > 0
