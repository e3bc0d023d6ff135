"""Model families: which module holds a family's network and its pre- and post-processing."""

from importlib import import_module

from .errors import InputError, ModelError
from .models.registry import Model
from .pose.family import OneStage, PoseFamily, TopDown
from .runtime.network import Network

# family -> module and the name of what describes it there
_POSE = {
    "movenet": (".pose.families.movenet", "FAMILY"),
    "yolo_nas_pose": (".pose.families.yolo_nas", "FAMILY"),
    "rtmo": (".pose.families.rtmo", "FAMILY"),
    "yolox": (".detections.families.yolox", "FAMILY"),
    "rtmpose": (".pose.families.simcc", "BODY"),
    "rtmpose_wholebody": (".pose.families.simcc", "WHOLEBODY"),
    "dwpose": (".pose.families.simcc", "WHOLEBODY"),
    "vitpose_base_simple": (".pose.families.vitpose", "FAMILY"),
    "vitpose_base": (".pose.families.vitpose", "FAMILY"),
    "vitpose_plus_small": (".pose.families.vitpose", "FAMILY"),
    "vitpose_plus_base": (".pose.families.vitpose", "FAMILY"),
    "vitpose_plus_large": (".pose.families.vitpose", "FAMILY"),
    "vitpose_plus_huge": (".pose.families.vitpose", "FAMILY"),
}
# family -> module, and what `network` there is told besides the model's settings
_FLOW: dict[str, tuple[str, dict[str, bool]]] = {
    "raft_small": (".flow.families.raft", {"large": False}),
    "raft_large": (".flow.families.raft", {"large": True}),
    "neuflow_v2": (".flow.families.neuflow", {}),
    "spynet": (".flow.families.spynet", {}),
}


def pose_family(model: Model) -> PoseFamily:
    """How `model` finds people. Raises `ModelError` for a model that does not."""
    family = model.entry.family
    if family not in _POSE:
        raise ModelError(f"model {model.name}: expected a pose model, found family {family!r}")
    module, name = _POSE[family]
    found: PoseFamily = getattr(import_module(module, __package__), name)
    return found


def one_stage(model: Model) -> OneStage:
    """The family of a model that sees whole frames. Raises `InputError` for one that does not."""
    family = pose_family(model)
    if not isinstance(family, OneStage):
        raise InputError(
            f"engine: {model.name} is a top-down model, which looks at one person at a time; find "
            "the people with another model and use Detect Poses in Boxes"
        )
    return family


def top_down(model: Model) -> TopDown:
    """The family of a model that sees one person. Raises `InputError` for one that does not."""
    family = pose_family(model)
    if not isinstance(family, TopDown):
        raise InputError(
            f"engine: {model.name} sees whole frames; use Detect Poses, or choose a top-down "
            "model (RTMPose, DWPose, ViTPose)"
        )
    return family


def check_flow(model: Model) -> None:
    """Raise `InputError` for a model that does not estimate flow."""
    if model.entry.family not in _FLOW:
        raise InputError(
            f"engine: {model.name} does not estimate flow; choose a model in Load Flow Model"
        )


def network_of(model: Model) -> Network:
    """The network of `model`'s family.

    Raises `ModelError` for an unknown family, and for a file that does not fit its contract.
    """
    family = model.entry.family
    if family in _POSE:
        return pose_family(model).network(model)
    if family not in _FLOW:
        raise ModelError(f"model {model.name}: unknown family {family!r}")
    module, settings = _FLOW[family]
    network: Network = import_module(module, __package__).network(**settings, **model.variant)
    return network
