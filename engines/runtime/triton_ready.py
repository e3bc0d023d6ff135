"""Whether Triton can compile GPU kernels on this machine."""

import logging
import subprocess
from functools import cache
from importlib.util import find_spec

import torch

log = logging.getLogger("kinograph")


@cache
def triton_compiles(otherwise: str) -> bool:
    """Return whether triton can compile here, for which it needs a C compiler and Python's headers.

    Its driver needs them first and, unlike a kernel, can be asked for while torch traces a network.

    otherwise: a clause that says what runs without its kernels; if triton is installed and cannot
               compile, it is logged once, with the reason
    """
    if find_spec("triton") is None or not hasattr(torch.library, "triton_op"):
        return False
    from triton.runtime import driver

    try:
        driver.active.get_current_target()
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        log.warning(
            "%s, more slowly: triton cannot compile here (%s); it needs a C compiler and the "
            "headers of Python",
            otherwise,
            str(error).strip() or type(error).__name__,
        )
        return False
    return True
