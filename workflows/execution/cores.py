"""As many threads as there are cores: a container's quota is less than the machine has."""

import os

from ...engines.environment import free_cores

_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")


def follow_cores() -> None:
    """Have PyTorch, when it is imported, use the cores that this process may use.

    It counts those of the machine, or those that the process is bound to, and more threads than
    cores wait for each other. Settings of the user are kept.
    """
    if any(os.environ.get(name) for name in _VARIABLES):
        return
    cores = free_cores()
    if cores < (os.cpu_count() or 1):
        os.environ.update(dict.fromkeys(_VARIABLES, str(cores)))
