"""Where built engines lie."""

import os
from pathlib import Path

from platformdirs import user_cache_path

VARIABLES = ("KINOGRAPH_MODELS_DIR", "DAYDREAM_SCOPE_MODELS_DIR")


def engine_folder() -> Path:
    """The folder of the engine cache; not made yet.

    KINOGRAPH_MODELS_DIR/engines, else DAYDREAM_SCOPE_MODELS_DIR/kinograph-engines, else the
    user's cache directory.
    """
    if own := os.environ.get("KINOGRAPH_MODELS_DIR"):
        return Path(own) / "engines"
    if scope := os.environ.get("DAYDREAM_SCOPE_MODELS_DIR"):
        return Path(scope) / "kinograph-engines"
    return user_cache_path("kinograph") / "engines"
