"""Weights from the Hugging Face Hub or a URL: resumed, checked, and explained without a network."""

import os
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ..errors import ModelError
from . import download
from .entry import ModelEntry

ACCEPT = "KINOGRAPH_ACCEPT_LICENCES"  # names of models whose licence is accepted, or "all"

Progress = download.Progress


def fetch(
    entry: ModelEntry, folder: Path, *, accept: bool = False, progress: Progress | None = None
) -> Path:
    """Download the file of `entry` into `folder` and return its path.

    A download that broke off goes on where it stopped. HF_ENDPOINT, HF_HUB_OFFLINE, HF_TOKEN and
    the rest of the Hub's settings hold. The file appears when its size and sha256 are right.

    accept: the user accepts the licence of a restricted model; so does naming it, or "all", in
    KINOGRAPH_ACCEPT_LICENCES

    Raises `ModelError` for a licence that is not accepted, no network, a missing file, or bytes
    that are not those of the registry; each says where to put the file by hand.
    """
    if entry.terms and not (accept or _accepted(entry.name)):
        raise ModelError(
            f"model {entry.name}: its weights are under {entry.licence}: {entry.terms} "
            f"Read it, then switch on accept_licence in the node that loads the model, or set "
            f"{ACCEPT}={entry.name}"
        )
    target = folder / entry.file
    by_hand = f"; or put the file there by hand: {target} (from {entry.page})"
    aside = folder / ".downloads"
    if entry.url:
        path = download.fetch(entry, aside / entry.file, by_hand, progress)
    else:
        path = _from_hub(entry, aside, by_hand, progress)
    if reason := entry.differs(path):
        path.unlink()
        source = "the address" if entry.url else "the Hub"
        raise ModelError(f"model {entry.name}: what {source} gave is not it: {reason}{by_hand}")
    path.replace(target)
    return target


def _from_hub(entry: ModelEntry, aside: Path, by_hand: str, progress: Progress | None) -> Path:
    # The Hub's client is heavy, and most runs have the file.
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        aside.mkdir(parents=True, exist_ok=True)
        options: dict[str, Any] = {}
        if progress is not None:
            options["tqdm_class"] = _reporting(progress)
        return Path(
            hf_hub_download(
                entry.repo,
                entry.remote or entry.file,
                revision=entry.revision,
                local_dir=aside,
                **options,
            )
        )
    except LocalEntryNotFoundError as error:
        raise ModelError(
            f"model {entry.name}: {entry.file} is not on this machine and the Hugging Face Hub "
            f"cannot be reached ({_first_line(error)}); connect, or unset HF_HUB_OFFLINE{by_hand}"
        ) from error
    except HfHubHTTPError as error:
        raise ModelError(
            f"model {entry.name}: the Hugging Face Hub does not give {entry.file} "
            f"({_first_line(error)}); set HF_TOKEN if the repository asks for it{by_hand}"
        ) from error
    except OSError as error:
        raise ModelError(
            f"model {entry.name}: {entry.file} cannot be downloaded to {aside.parent} "
            f"({error.strerror or _first_line(error)}); try again, it goes on where it "
            f"stopped{by_hand}"
        ) from error


def _accepted(name: str) -> bool:
    named = {part.strip() for part in os.environ.get(ACCEPT, "").split(",")}
    return bool(named & {name, "all"})


def _first_line(error: BaseException) -> str:
    cause = error.__cause__ or error
    return (str(cause).strip() or type(cause).__name__).splitlines()[0]


def _reporting(progress: Progress) -> type[tqdm]:  # type: ignore[type-arg]
    class Bar(tqdm):  # type: ignore[type-arg]
        """Tells the host instead of the terminal."""

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
