"""Threads of PyTorch on the CPU: as many as there are cores, and none that wait at full speed."""

import os

from ...engines.environment import free_cores

_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")

# How often an idle thread of GNU's OpenMP, which PyTorch has on Linux, looks for work before it
# sleeps: some 10 microseconds. By default it looks 300,000 times and keeps a core from whoever has
# work meanwhile, such as ONNX Runtime, FFmpeg, or another program.
_SPINS = "2000"


def follow_cores() -> None:
    """Have PyTorch, when it is imported, use the cores that this process may use, and give them up
    between its operations.

    It counts those of the machine, or those that the process is bound to, and more threads than
    cores wait for each other. Settings of the user are kept.
    """
    if not os.environ.get("OMP_WAIT_POLICY"):
        os.environ.setdefault("GOMP_SPINCOUNT", _SPINS)
    if any(os.environ.get(name) for name in _VARIABLES):
        return
    cores = free_cores()
    if cores < (os.cpu_count() or 1):
        os.environ.update(dict.fromkeys(_VARIABLES, str(cores)))
