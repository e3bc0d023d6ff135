"""Engine Upkeep: shows, checks and clears the engines that were built."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ...engines.runtime.cache import EngineCache
from ..api import host, io
from ..search import found_by
from ..show import Shown
from ..streaming import ONCE
from . import CATEGORY

if TYPE_CHECKING:
    from ...engines.runtime.upkeep import Finding

_ACTIONS = ("list", "verify", "prune", "rebuild")


class EngineUpkeep(io.ComfyNode):
    STREAMING = ONCE
    ORDER = 350

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographEngineUpkeep",
            display_name="Engine Upkeep",
            category=CATEGORY,
            **found_by(
                "engine cache, clear cache, delete engines, prune engines, verify engines, "
                "rebuild engines"
            ),
            description="Lists the built engines, verifies them, and removes or rebuilds those "
            "that are damaged or out of date.",
            is_output_node=True,
            inputs=[
                io.Combo.Input(
                    "action",
                    options=list(_ACTIONS),
                    default="list",
                    tooltip="list: show them. verify: read every byte, run what this machine can "
                    "run, and compare. prune: remove what is damaged, left over or from another "
                    "version. rebuild: build those again.",
                ),
                io.String.Input(
                    "name",
                    default="",
                    tooltip="Only the engine with this name, or all whose names begin with it. "
                    "Empty: all.",
                ),
            ],
            outputs=[io.String.Output(display_name="report", tooltip="One line per engine.")],
        )

    @classmethod
    def fingerprint_inputs(cls, **values: object) -> float:
        return time.time()  # the folder may have changed

    @classmethod
    def execute(cls, action: str, name: str) -> io.NodeOutput:
        from ...engines.runtime.upkeep import listed, pruned, rebuilt, verified

        cache = EngineCache(host.engine_folder())
        names = [name] if name else []
        models = host.models_folder()
        found: list[Finding] = []
        if action == "verify":
            for finding in verified(cache, names, models=models):
                host.go_on()
                found.append(finding)
        elif action == "rebuild":
            found = rebuilt(cache, names, models=models)
        else:
            found = (listed if action == "list" else pruned)(cache, names)
        lines = [f"{f.state:<8} {f.size / 2**20:7.1f} MiB  {f.name}  {f.detail}" for f in found]
        report = "\n".join([str(cache.folder), *(lines or ["no engines yet"])])
        damaged = [f"{f.name} is damaged: {f.detail}" for f in found if f.state == "damaged"]
        return io.NodeOutput(report, ui=Shown(report, warnings=damaged))
