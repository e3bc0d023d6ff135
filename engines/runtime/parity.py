"""Whether an engine says the same as the reference, within the tolerance of its precision."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

# Largest ||out - reference|| / ||reference|| of any output, by precision. About four times what
# the embedded network shows (see tests/engines/test_runtime.py), far below a wrong answer's ~1.
TOLERANCES = {"fp32": 1e-3, "fp16": 2e-2, "bf16": 1.5e-1}


@dataclass(frozen=True)
class Verdict:
    """The result of one comparison: passed or the reason why not, and the error per output."""

    passed: bool
    reason: str
    errors: Mapping[str, float]


def compare(
    reference: Mapping[str, Tensor], outputs: Mapping[str, Tensor], precision: str
) -> Verdict:
    """Compare every output; a missing one, another shape, NaN or infinity fails."""
    tolerance = TOLERANCES[precision]
    errors: dict[str, float] = {}
    for name, wanted in reference.items():
        if name not in outputs:
            return Verdict(False, f"the output {name!r} is missing", errors)
        found = outputs[name].detach().to("cpu", torch.float64)
        if found.shape != wanted.shape:
            shapes = f"expected {list(wanted.shape)}, found {list(found.shape)}"
            return Verdict(False, f"{name}: {shapes}", errors)
        if not bool(found.isfinite().all()):
            return Verdict(False, f"{name}: NaN or infinity", errors)
        exact = wanted.detach().to("cpu", torch.float64)
        errors[name] = float((found - exact).norm() / exact.norm().clamp(min=1e-12))
    worst = max(errors, key=lambda name: errors[name])
    if errors[worst] > tolerance:
        reason = f"{worst}: relative error {errors[worst]:.2g}, at most {tolerance:g} allowed"
        return Verdict(False, reason, errors)
    return Verdict(True, f"worst output {worst}: relative error {errors[worst]:.2g}", errors)
