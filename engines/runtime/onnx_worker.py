"""Export one network as ONNX, in a separate process: see `worker`.

The request: {"root": the package's folder, "entry", "paths", "options": of the model, "precision",
"target"}. The only message is the last: {"done": true} or {"error": text}.
"""

import sys
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from runpy import run_path
from typing import Any


def export(request: dict[str, Any], say: Any) -> bytes:
    """Return the ONNX graph."""
    _load_package(Path(request["root"]))
    modules = {
        name: import_module(f"kinograph.engines.{name}")
        for name in ("models.entry", "models.model", "runtime.network", "runtime.onnx_export")
    }
    entry = request["entry"]
    files = tuple(modules["models.entry"].Asset(**file) for file in entry["files"])
    model = modules["models.model"].Model(
        modules["models.entry"].ModelEntry(**{**entry, "files": files}),
        {name: Path(path) for name, path in request["paths"].items()},
        request["options"],
    )
    network = modules["runtime.network"].network_of(model)
    data: bytes = modules["runtime.onnx_export"].export_here(
        network.load(model.path), network, request["precision"]
    )
    return data


def _load_package(root: Path) -> None:
    """Import the package from its folder, whatever that is called."""
    spec = spec_from_file_location(
        "kinograph", root / "__init__.py", submodule_search_locations=[str(root)]
    )
    assert spec is not None
    assert spec.loader is not None
    package = module_from_spec(spec)
    sys.modules["kinograph"] = package
    spec.loader.exec_module(package)


if __name__ == "__main__":
    run_path(str(Path(__file__).with_name("worker_side.py")))["serve"](export)
