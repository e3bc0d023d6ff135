"""`Family`: what the registry, the runtime and the nodes need to know about a kind of model."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .model import Model


@dataclass(frozen=True, kw_only=True)
class Family:
    """One kind of network with its pre- and post-processing.

    A file in a folder `families/` of any domain declares one, as `FAMILY`, or several that share
    their code, as `FAMILIES`. That is all: `families` finds them there. Domains derive from this
    class and add the head of the task, that is, how a network of the family is fed and read.

    name:     as in models.yaml and FAMILY:FILE. It is the name of the file that declares it, or
              begins with that and an underscore, so that one file is imported to find it
    task:     which nodes load its models, as in models.yaml
    network:  model -> its `runtime.network.Network`; raises `ModelError` for a file that does not
              fit the family
    suffixes: file name suffixes of users' own files, such as ".onnx"; empty: users cannot bring any
    recommended_size: longer side of the input in pixels for users' own files
    options:  names of the `Model.options` that its networks take
    order:    position in menus, smaller first; families of one file stay together
    """

    name: str
    task: str
    network: Callable[[Model], Any]
    suffixes: tuple[str, ...] = ()
    recommended_size: int = 0
    options: tuple[str, ...] = ()
    order: int = 1000
