"""Menus, frames and settings that the pipelines for Daydream Scope share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def menu(choices: Iterable[str], ui: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON schema of a field with `choices`, which Scope shows as a menu.

    It equals the schema of a Literal. ui: Scope's settings for the field
    """
    return {"enum": list(choices), **ui}


def backend_field(order: int) -> Any:
    """Return the field that chooses the backend of a pipeline's network."""
    from pydantic import Field
    from scope.core.pipelines.base_schema import ui_field_config

    from ...engines.runtime.backends import names

    return Field(
        default="auto",
        description="What runs the network. auto takes the best backend that works here; a named "
        "one is used, or fails and says why.",
        json_schema_extra=menu(
            ["auto", *names()], ui_field_config(order=order, label="Backend", is_load_param=True)
        ),
    )


def frames_of(video: Sequence[Tensor], device: torch.device) -> Tensor:
    """Return Scope's frames as [T,H,W,3] in 0..1 on `device`.

    video: frames (1,H,W,3), uint8 or float in 0..255; those of another size than the first one are
           stretched to it, as in Scope's own pipelines
    """
    import torch

    from ...engines.geometry.placement import fit_images

    size = (video[0].shape[1], video[0].shape[2])
    frames = (frame.to(device, torch.float32) / 255 for frame in video)
    return torch.cat([fit_images(frame, size, "stretch", fill=0.0) for frame in frames])


def given(settings: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return `settings`, updated with those of `values` that are settings and not None."""
    changed = {name: values[name] for name in settings if values.get(name) is not None}
    return {**settings, **changed}
