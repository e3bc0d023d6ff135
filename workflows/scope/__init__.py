"""The plugin for Daydream Scope, found through the entry point in the group `scope`.

Contract: daydreamlive/scope 0.2.4, docs/plugins.md. Scope imports this module at every start, and
it can be imported without Scope, so it imports nothing heavy. The pipelines derive from Scope's
classes and are therefore made when Scope asks for them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from .flow import flow_pipeline
from .pose import pose_pipeline

_Hook = TypeVar("_Hook", bound=Callable[..., None])


def _hookimpl(hook: _Hook) -> _Hook:
    """Mark `hook` for Scope, as Scope's own `hookimpl` does. Without pluggy there is no Scope."""
    try:
        from pluggy import HookimplMarker
    except ImportError:
        return hook
    return HookimplMarker("scope")(hook)


@_hookimpl
def register_pipelines(register: Callable[[type[Any]], object]) -> None:
    """Call `register` with each pipeline. This is Scope's hook, which it calls more than once."""
    for pipeline in (pose_pipeline, flow_pipeline):
        register(pipeline())
