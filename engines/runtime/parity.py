"""Comparing an engine's outputs with the reference's, within the tolerance of its precision."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from .tensor_spec import DTYPES

# Largest ||out - reference|| / ||reference|| of any output, by precision; that of a wrong output is
# about 1. These are about twice the errors of the embedded network: 0.009 in fp16 and 0.14 in bf16,
# which move joints of the shipped clip by 0.02 px and 0.4 px (medians); in bf16 people near the
# score threshold come and go.
TOLERANCES = {"fp32": 1e-3, "fp16": 2e-2, "bf16": 2.5e-1}


@dataclass(frozen=True)
class Verdict:
    """The result of a comparison: passed, or the reason why not, and the error of each output."""

    passed: bool
    reason: str
    errors: Mapping[str, float]


def compare(
    reference: Mapping[str, Tensor], outputs: Mapping[str, Tensor], precision: str
) -> Verdict:
    """Compare every output with the reference's.

    A missing output, another shape or type, NaN or infinity fails. Outputs that are floats are in
    fp32 or in `precision`; others have the type of the reference.
    """
    tolerance = TOLERANCES[precision]
    types = (torch.float32, DTYPES[precision])
    errors: dict[str, float] = {}
    for name, wanted in reference.items():
        if name not in outputs:
            return Verdict(False, f"the output {name!r} is missing", errors)
        value = outputs[name].detach().to("cpu", torch.float64)
        if value.shape != wanted.shape:
            shapes = f"expected {list(wanted.shape)}, found {list(value.shape)}"
            return Verdict(False, f"{name}: {shapes}", errors)
        allowed = types if wanted.is_floating_point() else (wanted.dtype,)
        if outputs[name].dtype not in allowed:
            expected = " or ".join(str(t).removeprefix("torch.") for t in dict.fromkeys(allowed))
            kind = str(outputs[name].dtype).removeprefix("torch.")
            return Verdict(False, f"{name}: expected {expected}, found {kind}", errors)
        if not bool(value.isfinite().all()):
            return Verdict(False, f"{name}: NaN or infinity", errors)
        exact = wanted.detach().to("cpu", torch.float64)
        errors[name] = float((value - exact).norm() / exact.norm().clamp(min=1e-12))
    worst = max(errors, key=lambda name: errors[name])
    if errors[worst] > tolerance:
        reason = f"{worst}: relative error {errors[worst]:.2g}, at most {tolerance:g} allowed"
        return Verdict(False, reason, errors)
    return Verdict(True, f"worst output {worst}: relative error {errors[worst]:.2g}", errors)
