"""How the shared graphs lie on the canvas: nothing covers a node or a link, not even the taller
Vue nodes of the editor ("Nodes 2.0") with the pictures and texts that they show after a run."""

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from kinograph.workflows.graph.shipped import MEDIA
from layout import ROOM, TALLER, TITLE

Box = tuple[float, float, float, float]  # left, top, right, bottom
Point = tuple[float, float]

WORKFLOWS = MEDIA.parent
SHARED = sorted(WORKFLOWS.glob("*.json"))
ROW = 20  # px from one socket to the next


def shared(path: Path) -> dict[str, Any]:
    graph: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return graph


def box(node: dict[str, Any]) -> Box:
    """Where a node is at its tallest."""
    (x, y), (wide, tall) = node["pos"], node["size"]
    return x, y - TITLE, x + wide, y + tall + TALLER + ROOM.get(node["type"], 0)


def name(node: dict[str, Any]) -> str:
    return str(node.get("title", node["type"]))


def is_apart(a: Box, b: Box) -> bool:
    return a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]


def ways(graph: dict[str, Any]) -> Iterator[tuple[int, int, list[Point]]]:
    """Each link: the nodes at its ends, and the points that it runs through."""
    nodes = {node["id"]: node for node in graph["nodes"]}
    reroutes = {found["id"]: found for found in graph["extra"].get("reroutes", ())}
    parents = {e["id"]: e["parentId"] for e in graph["extra"].get("linkExtensions", ())}
    for id_, origin, output, target, taken, _ in graph["links"]:
        between: list[Point] = []
        at = parents.get(id_)
        while at is not None:
            between.insert(0, tuple(reroutes[at]["pos"]))
            at = reroutes[at].get("parentId")
        start, end = nodes[origin], nodes[target]
        first = (start["pos"][0] + start["size"][0], start["pos"][1] + (output + 0.7) * ROW)
        last = (end["pos"][0], end["pos"][1] + (taken + 0.7) * ROW)
        yield origin, target, [first, *between, last]


def curve(a: Point, b: Point) -> Iterator[Point]:
    """Points of the editor's spline, whose handles are a quarter of the way long."""
    pull = 0.25 * ((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2) ** 0.5
    for step in range(1, 40):
        t = step / 40
        weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
        xs, ys = (a[0], a[0] + pull, b[0] - pull, b[0]), (a[1], a[1], b[1], b[1])
        yield (
            sum(w * x for w, x in zip(weights, xs, strict=True)),
            sum(w * y for w, y in zip(weights, ys, strict=True)),
        )


def hidden(graph: dict[str, Any]) -> list[tuple[int, int, int]]:
    """The links that run behind a node: their ends, and the node."""
    boxes = {node["id"]: box(node) for node in graph["nodes"]}
    found = []
    for origin, target, points in ways(graph):
        path = [p for a, b in pairwise(points) for p in curve(a, b)]
        for id_, (left, top, right, bottom) in boxes.items():
            if id_ not in (origin, target) and any(
                left < x < right and top < y < bottom for x, y in path
            ):
                found.append((origin, target, id_))
    return found


@pytest.mark.parametrize("path", SHARED, ids=lambda path: path.stem)
def test_nodes_keep_their_distance(path: Path) -> None:
    nodes = shared(path)["nodes"]
    covered = [
        (name(a), name(b))
        for i, a in enumerate(nodes)
        for b in nodes[:i]
        if not is_apart(box(a), box(b))
    ]
    assert covered == []


@pytest.mark.parametrize("path", SHARED, ids=lambda path: path.stem)
def test_no_link_runs_behind_a_node(path: Path) -> None:
    assert hidden(shared(path)) == []


@pytest.mark.parametrize("path", SHARED, ids=lambda path: path.stem)
def test_every_node_but_the_note_is_in_one_titled_group(path: Path) -> None:
    graph = shared(path)
    groups = [group["bounding"] for group in graph["groups"]]
    assert [group["title"] for group in graph["groups"] if not group["title"].strip()] == []
    for node in graph["nodes"]:
        left, top, right, bottom = box(node)
        inside = [
            (x, y)
            for x, y, wide, tall in groups
            if x <= left and y <= top and right <= x + wide and bottom <= y + tall
        ]
        assert len(inside) == (0 if node["type"] == "MarkdownNote" else 1), name(node)


def test_a_careless_layout_is_found() -> None:
    """The rules above can fail."""
    graph = shared(WORKFLOWS / "pose_to_vace.json")
    graph["extra"].pop("reroutes")
    graph["extra"].pop("linkExtensions")
    assert hidden(graph)
    overlay, pose_map = (
        next(n for n in graph["nodes"] if n.get("title") == t) for t in ("Overlay", "Pose map")
    )
    pose_map["pos"] = [overlay["pos"][0], overlay["pos"][1] + 400]
    assert not is_apart(box(overlay), box(pose_map))
