"""The footage of the shared graphs, so that they run unchanged in a fresh ComfyUI."""

import logging
import shutil
from pathlib import Path

from ..engines.errors import KinographError
from ..engines.files import atomic_write

MEDIA = Path(__file__).parents[1] / "workflows" / "media"

log = logging.getLogger("kinograph")


def place_samples(folder: Path) -> list[str]:
    """Copy the files of the shared graphs into ComfyUI's input folder; return the names of those
    that were not there.

    A file of the same name is left as it is. Where nothing can be written, the log says so and the
    graphs need one of the user's files.
    """
    placed = []
    for source in sorted(MEDIA.iterdir()):
        if (folder / source.name).exists():
            continue
        try:
            with atomic_write(folder / source.name) as aside:
                shutil.copyfile(source, aside)
        except KinographError as error:
            log.warning("the footage of the templates is not in the input folder: %s", error)
            break
        placed.append(source.name)
    if placed:
        log.info(
            "%s: the footage of Kinograph's templates, copied to %s", ", ".join(placed), folder
        )
    return placed
