"""Downloads from a URL that resume where they were interrupted."""

import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from ..errors import ModelError
from .entry import Asset
from .reach import unreachable

# Called with the total number of bytes; returns a function that is called with each further number
# of bytes.
Progress = Callable[[int], Callable[[int], None]]

_BLOCK = 2**18  # bytes read at once
_TIMEOUT = 30  # seconds without a byte


def fetch(model: str, asset: Asset, path: Path, by_hand: str, progress: Progress | None) -> Path:
    """Download `asset.url` to `path`, resuming an earlier download that was interrupted.

    model:   name of the model, for messages
    by_hand: end of every message: how to put the file there without this download

    HF_HUB_OFFLINE forbids the download, as it does for the Hub. Raises `ModelError` if the file
    cannot be downloaded.
    """
    if os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on"):
        raise ModelError(
            f"model {model}: {asset.file} is not on this machine and HF_HUB_OFFLINE is set; "
            f"unset it{by_hand}"
        )
    if reason := unreachable(asset.url):
        raise ModelError(
            f"model {model}: {asset.file} is not on this machine and {asset.url} cannot be "
            f"fetched ({reason}); connect, and try again{by_hand}"
        )
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _get(asset.url, part, progress)
        part.replace(path)
    except urllib.error.HTTPError as error:
        raise ModelError(
            f"model {model}: {asset.url} answers {error.code} {error.reason}{by_hand}"
        ) from error
    except (OSError, http.client.HTTPException) as error:
        cause = getattr(error, "reason", None) or error
        raise ModelError(
            f"model {model}: {asset.file} is not on this machine and {asset.url} cannot be "
            f"fetched ({cause}); try again, the download resumes where it stopped{by_hand}"
        ) from error
    return path


def _get(url: str, part: Path, progress: Progress | None) -> None:
    have = part.stat().st_size if part.exists() else 0
    headers = {"User-Agent": "kinograph"} | ({"Range": f"bytes={have}-"} if have else {})
    try:
        answer = urllib.request.urlopen(
            urllib.request.Request(url, headers=headers), timeout=_TIMEOUT
        )
    except urllib.error.HTTPError as error:
        if error.code != 416 or not have:
            raise
        part.unlink()  # the partial file is not the beginning of this one
        return _get(url, part, progress)
    with answer, part.open("ab" if answer.status == 206 else "wb") as file:
        have = file.tell()
        length = int(answer.headers.get("Content-Length") or 0)
        step = progress(have + length) if progress is not None else None
        if step is not None and have:
            step(have)
        left = length
        while block := answer.read(_BLOCK):
            file.write(block)
            left -= len(block)
            if step is not None:
                step(len(block))
    if length and left:
        raise ConnectionError(f"interrupted {left} bytes before the end")
