"""What people type when they look for a node."""

from dataclasses import dataclass

import pytest

from kinograph.nodes.extension import NODES
from kinograph.nodes.search import found_by

SCHEMAS = {schema.node_id: schema for schema in (node.define_schema() for node in NODES)}


@dataclass
class Old:
    """`Schema` of ComfyUI 0.3.75."""

    node_id: str


@dataclass
class New:
    """`Schema` of newer ones."""

    node_id: str
    search_aliases: list[str] | None = None


def test_old_comfyui_is_given_no_aliases() -> None:
    assert Old("a", **found_by("dwpose, skeleton", Old)) == Old("a")
    assert New("a", **found_by("dwpose, skeleton", New)).search_aliases == ["dwpose", "skeleton"]


@pytest.mark.parametrize("node_id", SCHEMAS)
def test_every_node_is_found_by_other_names(node_id: str) -> None:
    schema = SCHEMAS[node_id]
    words = list(schema.search_aliases)
    assert len(words) >= 3
    assert len(set(words)) == len(words)
    for word in words:
        assert word == word.strip().lower()
        assert word != schema.display_name.lower(), "its own name finds it already"


@pytest.mark.parametrize(
    ("word", "node_id"),
    [
        ("dwpose", "KinographDetectPoses"),
        ("openpose", "KinographDrawSkeleton"),
        ("skeleton", "KinographDrawSkeleton"),
        ("optical flow", "KinographEstimateFlow"),
        ("raft", "KinographLoadFlowModel"),
        ("controlnet preprocessor", "KinographDetectPoses"),
        ("controlnet preprocessor", "KinographDrawFlow"),
        ("tensorrt", "KinographBuildEngine"),
        ("wan vace", "KinographVaceNormalise"),
    ],
)
def test_words_of_other_packs(word: str, node_id: str) -> None:
    assert word in SCHEMAS[node_id].search_aliases
