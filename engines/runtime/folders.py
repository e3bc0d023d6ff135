"""The folder of the engine cache."""

import os
from pathlib import Path

from ..models.folders import OWN, SCOPE, models_folder


def engine_folder() -> Path:
    """Return the folder of the engine cache, which may not exist yet.

    KINOGRAPH_MODELS_DIR/engines, else DAYDREAM_SCOPE_MODELS_DIR/kinograph-engines, else the
    user's cache directory.
    """
    if os.environ.get(SCOPE) and not os.environ.get(OWN):
        return Path(os.environ[SCOPE]) / "kinograph-engines"
    return models_folder() / "engines"
