"""The rig that bodies are of, for nodes that need its surface or its joints."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...engines.body.bodies import Bodies
    from ...engines.body.rig import Rig


def rig_of(bodies: Bodies) -> Rig:
    """Return the rig that `bodies` name. Raises `InputError` for one that is not there."""
    from ...engines.body.rig import rig_named

    return rig_named(bodies.rig)
