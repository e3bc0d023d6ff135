"""The nodes Save Flow and Load Flow."""

from pathlib import Path
from typing import Any

import pytest

from flow_files import made, same
from kinograph.engines.errors import InputError
from kinograph.engines.flow.choices import FORMATS
from kinograph.engines.flow.files import write_flow
from kinograph.nodes.flow.load import LoadFlow
from kinograph.nodes.flow.save import SaveFlow
from kinograph.nodes.standin import host


@pytest.fixture
def host_folders(tmp_path: Path) -> Any:
    with host.using(host.Settings(output=tmp_path, inputs=(tmp_path,))):
        yield tmp_path


@pytest.mark.parametrize("format", FORMATS)
def test_nodes_there_and_back(host_folders: Path, format: str) -> None:
    flow = made(2, fps=24, first="zero")
    ending = ".npz" if format == "npz" else ""
    for number in (1, 2):
        saved = SaveFlow.execute(flow, format, "kinograph/flow")
        name = f"kinograph/flow_{number:05d}_{ending}"
        assert str(host_folders / name) in str(saved.ui.as_dict())
    loaded = LoadFlow.execute(f" {name} ")
    assert same(loaded.args[0], flow) or format == "kitti"
    text = str(loaded.ui.as_dict())
    assert "3 frames (2 pairs), 7x5, forward and backward, 24 fps" in text
    assert LoadFlow.execute(name, fps=30.0).args[0].fps == 30
    with pytest.raises(InputError, match="no such file or folder"):
        LoadFlow.execute("none.npz")


def test_load_flow_runs_again_when_a_file_has_changed(host_folders: Path) -> None:
    import os

    write_flow(made(2), host_folders / "clip", "flo")
    before = LoadFlow.fingerprint_inputs(file="clip", fps=0.0)
    assert before == LoadFlow.fingerprint_inputs(file="clip", fps=0.0)
    os.utime(host_folders / "clip" / "backward" / "flow_000001.flo", (before + 9, before + 9))
    assert LoadFlow.fingerprint_inputs(file="clip", fps=0.0) == before + 9
    assert LoadFlow.fingerprint_inputs(file="none", fps=0.0) == 0
