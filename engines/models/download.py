"""A file from a URL: resumed where it broke off."""

import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from ..errors import ModelError
from .entry import ModelEntry

Progress = Callable[[int], Callable[[int], None]]  # total bytes -> a function of bytes more

_PIECE = 2**18
_TIMEOUT = 30  # seconds without a byte


def fetch(entry: ModelEntry, path: Path, by_hand: str, progress: Progress | None) -> Path:
    """Download `entry.url` to `path`, from where an earlier download broke off.

    HF_HUB_OFFLINE forbids it, as it does for the Hub. Raises `ModelError`, which ends with
    `by_hand`, when it cannot be had.
    """
    if os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on"):
        raise ModelError(
            f"model {entry.name}: {entry.file} is not on this machine and HF_HUB_OFFLINE is set; "
            f"unset it{by_hand}"
        )
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _get(entry.url, part, progress)
        part.replace(path)
    except urllib.error.HTTPError as error:
        raise ModelError(
            f"model {entry.name}: {entry.url} answers {error.code} {error.reason}{by_hand}"
        ) from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise ModelError(
            f"model {entry.name}: {entry.file} is not on this machine and {entry.url} cannot be "
            f"fetched ({reason}); try again, it goes on where it stopped{by_hand}"
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
        part.unlink()  # what is there is no beginning of this file
        return _get(url, part, progress)
    with answer, part.open("ab" if answer.status == 206 else "wb") as file:
        have = file.tell()
        length = int(answer.headers.get("Content-Length") or 0)
        step = progress(have + length) if progress is not None else None
        if step is not None and have:
            step(have)
        left = length
        while block := answer.read(_PIECE):
            file.write(block)
            left -= len(block)
            if step is not None:
                step(len(block))
    if length and left:
        raise ConnectionError(f"broke off {left} bytes before the end")
