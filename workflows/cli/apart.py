"""The command `kinograph` in a process of its own, started by the path of this file.

Inside ComfyUI the package has no importable name. A command that runs for long ends as on SIGTERM
when its standard input closes: whoever started it wants that, or is gone.
"""

import signal
import sys
import threading
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

_HERE = Path(__file__).resolve().parent
_PACKAGE = "kinograph"


def _load_package() -> None:
    """Import the package from its folder, whatever that is called."""
    root = _HERE.parents[1]
    spec = spec_from_file_location(
        _PACKAGE, root / "__init__.py", submodule_search_locations=[str(root)]
    )
    assert spec is not None
    assert spec.loader is not None
    package = module_from_spec(spec)
    sys.modules[_PACKAGE] = package
    spec.loader.exec_module(package)


def _end_with_input() -> None:
    sys.stdin.read()
    signal.raise_signal(signal.SIGTERM)


# Also in the processes that this one starts, which know it as __mp_main__.
sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != _HERE]
_load_package()

if __name__ == "__main__":
    threading.Thread(target=_end_with_input, daemon=True).start()
    sys.exit(import_module(f"{_PACKAGE}.workflows.cli").main(sys.argv[1:]))
