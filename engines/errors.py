"""Errors that a user can act on.

Every message says which file, node or input is concerned, what was expected, what was found and
what to do. Any exception that is not a `KinographError` is a bug in Kinograph.
"""

_LONGEST = 4000  # characters of a message, which may quote what strangers wrote


class KinographError(Exception):
    """Base class of user errors; the command line exits with status 2.

    A message that is too long to read is shortened in the middle.
    """

    def __str__(self) -> str:
        text = super().__str__()
        if len(text) <= _LONGEST:
            return text
        return f"{text[: _LONGEST - 800]} ... {text[-795:]}"


class InputError(KinographError):
    """A tensor or a setting that a stage cannot work with."""


class ModelError(KinographError):
    """A model that is unknown, missing, damaged or does not fit its family's contract."""


class EngineError(KinographError):
    """An engine that cannot be built here, or is asked for what it was not built for."""


class NotBuiltError(EngineError):
    """An engine that is not in the cache, where nothing may be built."""


class DeviceMemoryError(EngineError):
    """A device whose memory does not hold what a network needs for these inputs."""


class ParityError(EngineError):
    """An engine that was built, and whose outputs disagree with the reference's."""


class MediaError(KinographError):
    """A video or image file that cannot be read or written."""


class GraphError(KinographError):
    """A graph file that is malformed, or does not fit the nodes that it names."""


class TrainingError(KinographError):
    """A training that cannot go on."""
