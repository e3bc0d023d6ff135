"""Workflows of the editor that cover every rule of conversion, and the editor's own conversions.

tests/comfyui/test_convert.py records these (pytest --update-golden) and checks them.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

from kinograph.nodes.standin.io import Schema
from kinograph.workflows.graph.catalogue import catalogue
from kinograph.workflows.graph.editor.nodes import definitions_of

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "tests" / "data" / "editor"
OBJECT_INFO = FOLDER / "definitions" / "object_info.json"
SHIPPED = sorted((ROOT / "workflows").glob("*.json"))
CASES = sorted(path.stem for path in FOLDER.glob("*.json") if not path.stem.endswith(".api"))


def case(name: str) -> dict[str, Any]:
    """Return the workflow as the editor would open it."""
    data: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return data


def recording(name: str) -> Path:
    """Return the path of the editor's recorded conversion of the workflow."""
    return FOLDER / f"{name}.api.json"


@cache
def definitions() -> dict[str, Schema]:
    """Return the recorded definitions of the classes in CASES, and those of Kinograph."""
    recorded = definitions_of(json.loads(OBJECT_INFO.read_text()))
    return {**catalogue().definitions(), **recorded}


def meaning(graph: dict[str, Any]) -> dict[str, Any]:
    """Return the parts of the API format that decide results: class and inputs by node id."""
    return {
        id_: {"class_type": node["class_type"], "inputs": node["inputs"]}
        for id_, node in graph.items()
    }
