"""Videos for tests, written without Kinograph."""

from pathlib import Path
from typing import Any

import av


def remux(source: Path, target: Path, **options: Any) -> Path:
    """Copy the packets of a video stream into another container; return `target`.

    options: passed to `av.open` for the target, e.g. options={"movflags": "faststart"}
    """
    with av.open(str(source)) as given, av.open(str(target), "w", **options) as made:
        stream = made.add_stream_from_template(given.streams.video[0])
        for packet in given.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                made.mux(packet)
    return target


def cut(source: Path, target: Path, part: float) -> Path:
    """Write the first `part` (0..1) of a file's bytes to `target`; return `target`."""
    data = source.read_bytes()
    target.write_bytes(data[: int(len(data) * part)])
    return target
