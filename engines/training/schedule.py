"""The learning rate of each step, which follows from its number alone."""

import math

from .settings import Settings

_FALLS = (0.7, 0.9)  # parts of the steps after which `multistep` is a tenth of before
_RISE = 0.3  # part of the steps over which `onecycle` rises
_START = 1 / 25  # part of the learning rate that it rises from (Smith and Topin, 2018)


def rate(settings: Settings, step: int) -> float:
    """Return the learning rate of step 0, 1, ...: a linear warm-up, then what the schedule says.

    none keeps it, cosine takes half a wave down to `final`, multistep divides it by ten after 70
    and 90 % of the steps, onecycle rises for 30 % of the steps, without a warm-up, then falls, wsd
    keeps it up to the last `decay` steps, in which it falls to `final` as 1 - sqrt does (Hagele et
    al., NeurIPS 2024, arXiv:2405.18392).
    """
    done = step / settings.steps
    if settings.schedule == "onecycle":
        if done < _RISE:
            return settings.lr * _between(_START, 1.0, done / _RISE)
        return settings.lr * _between(1.0, settings.final, (done - _RISE) / (1 - _RISE))
    if step < settings.warmup:
        return settings.lr * (step + 1) / settings.warmup
    if settings.schedule == "wsd":
        past = max(0, step + 1 - (settings.steps - settings.decay))
        part = math.sqrt(past / settings.decay) if past else 0.0
        return settings.lr * (1 + (settings.final - 1) * part)
    if settings.schedule == "none":
        return settings.lr
    if settings.schedule == "multistep":
        return settings.lr * 0.1 ** sum(done >= part for part in _FALLS)
    part = (step - settings.warmup) / max(1, settings.steps - settings.warmup)
    return settings.lr * _between(1.0, settings.final, part)


def _between(start: float, end: float, part: float) -> float:
    """Return a value on the half wave from `start` to `end`."""
    return end + (start - end) * (1 + math.cos(math.pi * min(1.0, part))) / 2
