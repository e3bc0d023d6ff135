"""Node schemas as JSON data: what saved workflows depend on."""

from collections.abc import Iterable
from typing import Any

from ...nodes.standin.io import InputSpec, Schema


def schema_as_dict(schema: Schema) -> dict[str, Any]:
    """Return a schema as data for JSON: name, category, inputs and outputs."""
    return {
        "display_name": schema.display_name,
        "category": schema.category,
        "output_node": schema.is_output_node,
        "inputs": _inputs_as_dict(schema.inputs),
        "outputs": [{"name": o.display_name, "type": o.io_type} for o in schema.outputs],
    }


def _inputs_as_dict(specs: Iterable[InputSpec]) -> dict[str, Any]:
    return {
        spec.id: {
            "type": spec.io_type,
            "optional": spec.optional,
            **({"default": spec.default} if spec.default is not None else {}),
            **({"options": list(spec.options)} if spec.options else {}),
            **_dynamic_as_dict(spec),
            # Whether the editor hides a widget at first is not what a workflow depends on.
            **{name: value for name, value in spec.widget.items() if name != "advanced"},
        }
        for spec in specs
    }


def _dynamic_as_dict(spec: InputSpec) -> dict[str, Any]:
    if spec.grows is not None:
        one = _inputs_as_dict([spec.grows.spec])[spec.grows.spec.id]
        return {"names": list(spec.grows.names), "least": spec.grows.least, "each": one}
    if spec.branches:
        inner = {key: _inputs_as_dict(children) for key, children in spec.branches.items()}
        return {"branches": inner}
    return {}
