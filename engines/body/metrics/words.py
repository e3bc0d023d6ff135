"""Summaries as text for people."""

from ...words import counted
from .summary import Summary, TrackSummary

_TABLE = 40  # lines at most
_COLUMNS = (  # heading, what it shows, decimals
    ("°/s", "pose_speed", 1),
    ("root °/s", "root_speed", 1),
    ("m/s", "speed", 2),
    ("joints mm", "joint_root", 1),
    ("m/s²", "acceleration_root", 1),
    ("jerk m/s³", "jerk_root", 0),
)


def as_text(summary: Summary) -> str:
    """Return lines of text: the whole, and one per track, at most 40; "-" for what is not known."""
    lines = [_whole(summary), _timing(summary)]
    headings = "".join(f"{heading:>11}" for heading, _, _ in _COLUMNS)
    lines.append(f"{'track':>6}{'frames':>8}{'seen':>8}{headings}")
    rows = (summary.everybody, *summary.tracks[:_TABLE])
    lines += [_line(row) for row in rows]
    if len(summary.tracks) > _TABLE:
        lines.append(f"... and {counted(len(summary.tracks) - _TABLE, 'track')} more")
    return "\n".join(line for line in lines if line)


def _whole(summary: Summary) -> str:
    missing = summary.captured - summary.outputs
    lost = f", {missing} without an output" if missing else ""
    scale = "; translation is relative, as the focal length is assumed" if summary.relative else ""
    return (
        f"{counted(summary.captured, 'frame')}{lost}, {summary.everybody.detection:.1f} % with a "
        f"body, {_shown(summary.switches, 1)} id switches a minute{scale}"
    )


def _timing(summary: Summary) -> str:
    """Return frame rate and latency; "" if no output has a time."""
    if summary.latency.mean != summary.latency.mean:
        return ""
    late = summary.latency
    return (
        f"{_shown(summary.fps, 1)} frames per second (5 %: {_shown(summary.fps_low, 1)}), latency "
        f"{late.mean:.0f} ms (median {late.p50:.0f}, 95 %: {late.p95:.0f}, 99 %: {late.p99:.0f})"
    )


def _line(row: TrackSummary) -> str:
    name = "all" if row.track is None else "none" if row.track < 0 else str(row.track)
    cells = (f"{_shown(row.values[what], decimals):>11}" for _, what, decimals in _COLUMNS)
    return f"{name:>6}{row.frames:>8}{row.detection:>6.1f} %{''.join(cells)}"


def _shown(value: float, decimals: int) -> str:
    return "-" if value != value else f"{round(value, decimals) + 0.0:.{decimals}f}"
