import subprocess
import sys
from pathlib import Path

import pytest

from kinograph.engines.errors import GraphError
from kinograph.engines.pose.poses import Poses
from kinograph.nodes.streaming.states import load_state, save_state

_ELSEWHERE = """
import sys
from kinograph.nodes.streaming.states import load_state
from pathlib import Path
assert "kinograph.engines.pose.poses" not in sys.modules
print(type(load_state(Path(sys.argv[1]))).__name__)
"""


def test_a_new_process_reads_classes_that_no_node_has_imported_yet(tmp_path: Path) -> None:
    save_state(Poses.empty(2, (32, 32)), tmp_path / "a.state")
    done = subprocess.run(
        [sys.executable, "-c", _ELSEWHERE, str(tmp_path / "a.state")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "Poses\n"), done.stderr


@pytest.mark.parametrize("module", ["os", "engines.no_such_module", "engines/../x", ""])
def test_a_state_imports_nothing_but_engines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    from kinograph.nodes.streaming import states

    monkeypatch.setattr(states, "_inside", lambda name: module)
    monkeypatch.setattr(states, "state_types", lambda: {"Poses": Poses})
    save_state(Poses.empty(1, (8, 8)), tmp_path / "a.state")
    monkeypatch.setattr(states, "state_types", dict)
    with pytest.raises(GraphError, match="is not a state of a run, or is damaged"):
        load_state(tmp_path / "a.state")
