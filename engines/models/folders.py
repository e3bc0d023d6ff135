"""The folder of downloaded models."""

import os
from pathlib import Path

from platformdirs import user_cache_path

OWN, SCOPE = "KINOGRAPH_MODELS_DIR", "DAYDREAM_SCOPE_MODELS_DIR"
VARIABLES = (OWN, SCOPE)


def models_folder() -> Path:
    """Return the folder of downloaded models, which may not exist yet.

    It is KINOGRAPH_MODELS_DIR, else DAYDREAM_SCOPE_MODELS_DIR/kinograph, else the user's cache
    folder.
    """
    if own := os.environ.get(OWN):
        return Path(own)
    if scope := os.environ.get(SCOPE):
        return Path(scope) / "kinograph"
    return user_cache_path("kinograph")
