"""aitviewer itself takes what is sent, where it is installed; it needs too much to be required.

`pip install aitviewer` runs it: no window is opened, only its server and its scene are used.
"""

import time
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from kinograph.engines.body.rig import mannequin
from kinograph.engines.body.send.sender import Sender
from kinograph.engines.body.skinning import skin
from made_bodies import moving
from receivers import free_port


class _Viewer:
    """A viewer without a window."""

    def __init__(self, scene: Any) -> None:
        self.scene = scene
        self.server: Any = None

    def process_message(self, *message: Any) -> None:
        self.server.process_message(*message)

    def names(self) -> list[str]:
        self.server.process_messages()
        return [node.name for node in self.scene.nodes if node.name.startswith("body")]


@pytest.mark.filterwarnings("ignore")  # those of others
def test_its_scene_holds_the_meshes() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        server = pytest.importorskip("aitviewer.server", reason="aitviewer is not installed")
        scene = pytest.importorskip("aitviewer.scene.scene").Scene()
    port = free_port()
    viewer = _Viewer(scene)
    viewer.server = server.ViewerServer(viewer, port)
    bodies = moving(3)
    count = bodies.count.clone()
    count[2] = 1
    bodies = replace(bodies, count=count)
    sender = Sender("aitviewer", f":{port}", mannequin(), lambda text: None)
    for frame, people in enumerate((["body 3", "body 4"], ["body 3", "body 4"], ["body 3"])):
        end = time.monotonic() + 10
        while not sender.wait(0.5):
            assert time.monotonic() < end
        sender.send(bodies.slice(frame, frame + 1), [frame / 25])
        while viewer.names() != people or sender.counts.sent <= frame:
            assert time.monotonic() < end
            time.sleep(0.01)
    time.sleep(0.1)
    viewer.names()
    (mesh,) = (node for node in scene.nodes if node.name == "body 3")
    posed = skin(
        mannequin(), bodies.rotation[2, :1], bodies.translation[2, :1], bodies.shape[2, :1]
    )
    np.testing.assert_array_equal(mesh.vertices[-1], posed.vertices[0])
    np.testing.assert_array_equal(mesh.faces, mannequin().triangles)
    assert sender.close().dropped == 0
