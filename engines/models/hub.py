"""Files of models from the Hugging Face Hub or a URL: resumed, checked, and explained offline."""

import os
from pathlib import Path
from typing import Any

from ..errors import ModelError
from . import download
from .entry import Asset, ModelEntry
from .reach import unreachable

ACCEPT = "KINOGRAPH_ACCEPT_LICENCES"  # names of models whose licence is accepted, or "all"

Progress = download.Progress


def fetch(
    entry: ModelEntry,
    asset: Asset,
    folder: Path,
    *,
    accept: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Download one file of `entry` into `folder` and return its path.

    An interrupted download resumes where it stopped. HF_ENDPOINT, HF_HUB_OFFLINE, HF_TOKEN and
    the Hub's other settings apply. The file appears only when its size and sha256 are right.

    accept: the user accepts the licence of a restricted model. Naming the model, or "all", in
            KINOGRAPH_ACCEPT_LICENCES accepts it, too

    Raises `ModelError` for a licence that is not accepted, for no network or no such file, and for
    bytes other than those of the registry. Every message says where to put the file by hand.
    """
    if entry.terms and not (accept or _accepted(entry.name)):
        raise ModelError(
            f"model {entry.name}: its weights are under {entry.licence}: {entry.terms} "
            f"Read it, then switch on accept_licence in the node that loads the model, or set "
            f"{ACCEPT}={entry.name}"
        )
    target = folder / asset.file
    by_hand = f"; or put the file there by hand: {target} (from {asset.page})"
    aside = folder / ".downloads"
    if asset.url:
        path = download.fetch(entry.name, asset, aside / asset.file, by_hand, progress)
    else:
        path = _from_hub(entry.name, asset, aside, by_hand, progress)
    if reason := asset.differs(path):
        path.unlink()
        source = asset.url or "the Hugging Face Hub"
        raise ModelError(
            f"model {entry.name}: {source} gave another {asset.file}: {reason}{by_hand}"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    path.replace(target)
    return target


def _from_hub(
    model: str, asset: Asset, aside: Path, by_hand: str, progress: Progress | None
) -> Path:
    # The Hub's client is slow to import, and most runs already have the file.
    from huggingface_hub import constants, hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    # The client's own retries take half a minute if the server is not there.
    if not constants.HF_HUB_OFFLINE and (reason := unreachable(constants.ENDPOINT)):
        raise ModelError(
            f"model {model}: {asset.file} is not on this machine and the Hugging Face Hub cannot "
            f"be reached ({reason}); connect, or set HF_ENDPOINT to a mirror{by_hand}"
        )
    try:
        aside.mkdir(parents=True, exist_ok=True)
        options: dict[str, Any] = {}
        if progress is not None:
            options["tqdm_class"] = _reporting(progress)
        return Path(
            hf_hub_download(
                asset.repo,
                asset.remote or asset.file,
                revision=asset.revision,
                local_dir=aside,
                **options,
            )
        )
    except LocalEntryNotFoundError as error:
        raise ModelError(
            f"model {model}: {asset.file} is not on this machine and the Hugging Face Hub "
            f"cannot be reached ({_first_line(error)}); connect, or unset HF_HUB_OFFLINE{by_hand}"
        ) from error
    except HfHubHTTPError as error:
        raise ModelError(
            f"model {model}: the Hugging Face Hub does not give {asset.file} "
            f"({_first_line(error)}); set HF_TOKEN if the repository asks for it{by_hand}"
        ) from error
    except OSError as error:
        raise ModelError(
            f"model {model}: {asset.file} cannot be downloaded to {aside.parent} "
            f"({error.strerror or _first_line(error)}); try again, the download resumes where it "
            f"stopped{by_hand}"
        ) from error


def _accepted(name: str) -> bool:
    named = {part.strip() for part in os.environ.get(ACCEPT, "").split(",")}
    return bool(named & {name, "all"})


def _first_line(error: BaseException) -> str:
    cause = error.__cause__ or error
    return (str(cause).strip() or type(cause).__name__).splitlines()[0]


def _reporting(progress: Progress) -> Any:
    """Return a class that takes the place of tqdm's and reports to `progress`."""
    from tqdm import tqdm

    class Bar(tqdm):  # type: ignore[type-arg]
        """Report to `progress` instead of the terminal."""

        def __init__(self, *arguments: Any, **options: Any):
            # "disable" would also switch off counting
            super().__init__(*arguments, **{**options, "file": open(os.devnull, "w")})  # noqa: SIM115
            self._step = progress(int(self.total or 0))
            if self.n:
                self._step(int(self.n))

        def update(self, n: float | None = 1) -> bool | None:
            self._step(int(n or 0))
            return super().update(n)

        def close(self) -> None:
            super().close()
            self.fp.close()

    return Bar
