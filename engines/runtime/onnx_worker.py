"""Export one network as ONNX, in a separate process: see `worker`.

The request: {"root": the package's folder, "entry", "paths", "options": of the model, "precision",
"target"}. The only message is the last: {"done": true} or {"error": text}.
"""

import json
import os
import sys
import threading
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

_HERE = Path(__file__).resolve().parent
# The neighbours of this file must not be found as top-level modules.
sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != _HERE]


def main() -> None:
    """Read the request, export the network and report the result."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print must not mix with the lines

    def say(**message: object) -> None:
        out.write(json.dumps(message) + "\n")
        out.flush()

    request = json.loads(sys.stdin.readline())
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    try:
        Path(request["target"]).write_bytes(_exported(request))
    except Exception as error:  # its text goes to the parent
        say(error=f"{error}" or type(error).__name__)
    else:
        say(done=True)


def _leave_with_parent() -> None:
    sys.stdin.read()
    os._exit(1)


def _exported(request: dict[str, Any]) -> bytes:
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
    main()
