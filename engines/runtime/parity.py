"""Whether an engine says the same as the reference, within the tolerance of its precision."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

# Largest ||out - reference|| / ||reference|| of any output, by precision; a wrong answer has ~1.
# About twice what the embedded network shows: 0.009 in fp16 and 0.14 in bf16, which moves joints
# of the shipped clip by 0.02 px and 0.4 px (medians) and, in bf16, tips borderline people.
TOLERANCES = {"fp32": 1e-3, "fp16": 2e-2, "bf16": 2.5e-1}
_TYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


@dataclass(frozen=True)
class Verdict:
    """The result of one comparison: passed or the reason why not, and the error per output."""

    passed: bool
    reason: str
    errors: Mapping[str, float]


def compare(
    reference: Mapping[str, Tensor], outputs: Mapping[str, Tensor], precision: str
) -> Verdict:
    """Compare every output; a missing one, another shape or type, NaN or infinity fails.

    Outputs are in fp32 or in `precision`.
    """
    tolerance = TOLERANCES[precision]
    types = (torch.float32, _TYPES[precision])
    errors: dict[str, float] = {}
    for name, wanted in reference.items():
        if name not in outputs:
            return Verdict(False, f"the output {name!r} is missing", errors)
        found = outputs[name].detach().to("cpu", torch.float64)
        if found.shape != wanted.shape:
            shapes = f"expected {list(wanted.shape)}, found {list(found.shape)}"
            return Verdict(False, f"{name}: {shapes}", errors)
        if outputs[name].dtype not in types:
            expected = " or ".join(str(t).removeprefix("torch.") for t in dict.fromkeys(types))
            kind = str(outputs[name].dtype).removeprefix("torch.")
            return Verdict(False, f"{name}: expected {expected}, found {kind}", errors)
        if not bool(found.isfinite().all()):
            return Verdict(False, f"{name}: NaN or infinity", errors)
        exact = wanted.detach().to("cpu", torch.float64)
        errors[name] = float((found - exact).norm() / exact.norm().clamp(min=1e-12))
    worst = max(errors, key=lambda name: errors[name])
    if errors[worst] > tolerance:
        reason = f"{worst}: relative error {errors[worst]:.2g}, at most {tolerance:g} allowed"
        return Verdict(False, reason, errors)
    return Verdict(True, f"worst output {worst}: relative error {errors[worst]:.2g}", errors)
