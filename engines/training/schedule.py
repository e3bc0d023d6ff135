"""The learning rate of each step, which follows from its number alone."""

import math

from .settings import Settings


def rate(settings: Settings, step: int) -> float:
    """Return the learning rate of step 0, 1, ...: a linear warm-up, then half a cosine."""
    if step < settings.warmup:
        return settings.lr * (step + 1) / settings.warmup
    part = (step - settings.warmup) / max(1, settings.steps - settings.warmup)
    cosine = (1 + math.cos(math.pi * min(1.0, part))) / 2
    return settings.lr * (settings.final + (1 - settings.final) * cosine)
