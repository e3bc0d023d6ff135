"""Errors that a user can act on.

Every message says which file, node or input, what was expected, what was found and what to do.
Anything that is not a `KinographError` is a defect of Kinograph.
"""


class KinographError(Exception):
    """Base of all errors caused by what the user gave; the command line exits with status 2."""


class InputError(KinographError):
    """A tensor or a setting that a stage cannot work with."""


class ModelError(KinographError):
    """A model that is unknown, missing, damaged or of the wrong contract."""


class EngineError(KinographError):
    """An engine that cannot be built here, or is asked for what it was not built for."""


class MediaError(KinographError):
    """A video or image file that cannot be read or written."""


class GraphError(KinographError):
    """A graph file that is malformed, or does not fit the nodes that it names."""
