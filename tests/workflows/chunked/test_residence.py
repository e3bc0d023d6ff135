"""Which pictures stay on the device between the nodes of a chunked run."""

import json
from pathlib import Path
from typing import Any

import pytest

from kinograph.nodes.standin import host
from kinograph.workflows.chunked.layout import lay_out
from kinograph.workflows.chunked.residence import resident
from kinograph.workflows.cli import main
from kinograph.workflows.graph.catalogue import catalogue
from kinograph.workflows.graph.load import load_graph
from kinograph.workflows.graph.plan import check
from kinograph.workflows.graph.shipped import MEDIA

WORKFLOWS = MEDIA.parent


def staying(name: str, folder: Path, **more: Any) -> set[str]:
    """The classes of nodes whose pictures stay there, in a shared graph with more nodes."""
    graph = json.loads((WORKFLOWS / "api" / f"{name}.json").read_text())
    file = folder / "graph.json"
    file.write_text(json.dumps(graph | more))
    with host.using(host.Settings(inputs=(MEDIA,))):
        plan = check(load_graph(file), catalogue())
        found = resident(lay_out(plan, catalogue()), catalogue())
    return {plan.graph.nodes[id_].class_type for id_ in found if id_ in plan.graph.nodes}


def drawn_in(name: str) -> str:
    graph = json.loads((WORKFLOWS / "api" / f"{name}.json").read_text())
    return next(i for i, n in graph.items() if n["class_type"] == "KinographDrawMeshOnHeads")


def test_pictures_stay_from_node_to_node_and_to_the_video(tmp_path: Path) -> None:
    for name in ("infer_render_enhance", "mask_on_heads"):
        found = staying(name, tmp_path)
        assert "KinographDrawMeshOnHeads" in found
        assert "KinographUpscaleImages" not in found  # copies them while it computes


@pytest.mark.parametrize("class_type", ["PreviewImage", "ImageInvert"])
def test_they_leave_it_where_another_node_takes_them(class_type: str, tmp_path: Path) -> None:
    drawn = [drawn_in("infer_render_enhance"), 0]
    more: dict[str, Any] = {"90": {"class_type": "PreviewImage", "inputs": {"images": drawn}}}
    if class_type == "ImageInvert":
        more["91"] = {"class_type": class_type, "inputs": {"image": drawn}}
        more["90"]["inputs"]["images"] = ["91", 0]
    found = staying("infer_render_enhance", tmp_path, **more)
    assert "KinographDrawMeshOnHeads" not in found


def test_a_chunked_run_asks_nodes_to_leave_them_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a GPU; whole clips go to the memory of the CPU."""
    asked: list[bool] = []

    def image_device() -> str:
        asked.append(host.settings.get().resident)
        return "cpu"

    monkeypatch.setattr(host, "image_device", image_device)
    words = [str(WORKFLOWS / "api" / "mask_on_heads.json"), "--device", "cpu", "--duration", "0.25"]
    words += ["--set", "KinographBuildEngine.backend=torch"]
    assert main(["run", *words, "--output-dir", str(tmp_path / "whole")]) == 0
    assert asked == [False]
    assert main(["run", *words, "--output-dir", str(tmp_path / "parts"), "--chunk", "2"]) == 0
    assert len(asked) > 1
    assert all(asked[1:])
    parts = sorted(p for p in (tmp_path / "parts").iterdir() if p.is_file())
    assert parts
    for path in parts:
        assert path.read_bytes() == (tmp_path / "whole" / path.name).read_bytes()


def test_pictures_are_put_where_they_are_computed() -> None:
    for device, resident_there, right in (
        ("cuda:1", True, "cuda:1"),
        ("cuda:1", False, "cpu"),
        ("cpu", True, "cpu"),
    ):
        with host.using(host.Settings(device=device, resident=resident_there)):
            assert host.image_device() == right
