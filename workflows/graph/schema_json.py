"""Node schemas as JSON data: what saved workflows depend on."""

from typing import Any

from ...nodes.standin.io import Schema


def schema_as_dict(schema: Schema) -> dict[str, Any]:
    """Return a schema as data for JSON: name, category, inputs and outputs."""
    return {
        "display_name": schema.display_name,
        "category": schema.category,
        "output_node": schema.is_output_node,
        "inputs": {
            spec.id: {
                "type": spec.io_type,
                "optional": spec.optional,
                **({"default": spec.default} if spec.default is not None else {}),
                **({"options": list(spec.options)} if spec.options else {}),
                **dict(spec.widget),
            }
            for spec in schema.inputs
        },
        "outputs": [{"name": o.display_name, "type": o.io_type} for o in schema.outputs],
    }
