"""What other packages warn of while they build."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

log = logging.getLogger("kinograph")

_OURS = Path(__file__).parents[2]


@contextmanager
def warned_by_others(build: str) -> Iterator[None]:
    """Log, at debug level, what other packages warn of during a build that ends well.

    Exporters and compilers warn of their own deprecations, which nobody who builds an engine can
    mend. What this package's modules warn of is passed on to the filters that are set.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for warning in caught:
        where, line = warning.filename, warning.lineno
        if Path(where).is_relative_to(_OURS):
            warnings.warn_explicit(warning.message, warning.category, where, line)
        else:
            log.debug(
                "%s: %s:%d: %s: %s", build, where, line, warning.category.__name__, warning.message
            )
