"""Which widgets the editor hides until the user asks for them."""

from kinograph.nodes.advanced import marked
from kinograph.nodes.reference import schemas
from kinograph.nodes.standin import io
from kinograph.nodes.standin.io import InputSpec, Schema

SCHEMAS = {schema.node_id: schema for schema in schemas()}
MOST = 7  # widgets that a new node shows


def shown(schema: Schema) -> list[str]:
    return [spec.id for spec in schema.inputs if spec.is_widget and not spec.widget.get("advanced")]


def test_a_widget_is_marked_and_otherwise_the_same() -> None:
    before = io.Int.Input("runs", default=3, min=1, max=9, tooltip="How often.")
    after = marked(before)
    assert after.widget == {"min": 1, "max": 9, "advanced": True}
    assert (after.id, after.default, after.tooltip) == (before.id, before.default, before.tooltip)


def test_newer_and_older_comfyui_get_the_mark() -> None:
    """Both hand on `extra_dict`, which a socket that is not ours has."""

    class Theirs:
        def __init__(self) -> None:
            self.extra_dict: dict[str, object] = {}

    assert marked(Theirs()).extra_dict == {"advanced": True}


def test_nodes_show_few_widgets_at_first() -> None:
    assert shown(SCHEMAS["KinographDrawSkeleton"])[:3] == ["style", "width", "height"]
    many = {name: shown(schema) for name, schema in SCHEMAS.items()}
    assert {name: ids for name, ids in many.items() if len(ids) > MOST} == {}


def test_advanced_widgets_are_left_alone() -> None:
    """What a node cannot do without is never hidden: a widget has a default to stand on."""
    hidden: list[InputSpec] = [
        spec for schema in SCHEMAS.values() for spec in schema.inputs if spec.widget.get("advanced")
    ]
    assert hidden
    assert [spec.id for spec in hidden if spec.default is None] == []
