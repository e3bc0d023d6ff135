"""What the pipelines for Daydream Scope share: menus, frames and settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def menu(choices: Iterable[str], ui: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON schema of a field like that of a Literal, which Scope shows as a menu."""
    return {"enum": list(choices), **ui}


def backend_field(order: int) -> Any:
    """Return the field that chooses the backend of a pipeline's network."""
    from pydantic import Field
    from scope.core.pipelines.base_schema import ui_field_config

    from ...engines.runtime.ladder import BACKENDS

    return Field(
        default="auto",
        description="The backend of the network. auto: the best that works on this machine; a "
        "named one is used, or the pipeline fails with the reason.",
        json_schema_extra=menu(
            ["auto", *BACKENDS], ui_field_config(order=order, label="Backend", is_load_param=True)
        ),
    )


def frames_of(video: Sequence[Tensor], device: torch.device) -> Tensor:
    """Return Scope's frames, (1,H,W,3) 0..255 each, as [T,H,W,3] 0..1 on `device`.

    Frames of another size than the first are stretched to its size, as in Scope's own pipelines.
    """
    import torch

    from ...engines.geometry.placement import fit_images

    size = (video[0].shape[1], video[0].shape[2])
    frames = (frame.to(device, torch.float32) / 255 for frame in video)
    return torch.cat([fit_images(frame, size, "stretch", fill=0.0) for frame in frames])


def updated(settings: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return `settings`, updated with those of `values` that are settings and not None."""
    changed = {name: values[name] for name in settings if values.get(name) is not None}
    return {**settings, **changed}
