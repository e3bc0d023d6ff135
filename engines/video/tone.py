"""HDR pictures to SDR: PQ and HLG by the tone curve of ITU-R BT.2390, BT.2020 to BT.709 primaries.

SDR white is 203 cd/m² of an HDR signal (ITU-R BT.2408) and displays have a gamma of 2.4 (BT.1886),
so SDR footage that was put into an HDR container comes out nearly as it was.
"""

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from .facts import Transfer

WHITE = 203.0  # cd/m², ITU-R BT.2408
PEAK = 1000.0  # cd/m², where the file states none; the nominal peak of HLG, BT.2100
GAMMA = 2.4  # ITU-R BT.1886

# SMPTE ST 2084
_M1, _M2 = 2610 / 16384, 2523 / 32
_C1, _C2, _C3 = 3424 / 4096, 2413 / 128, 2392 / 128

# ITU-R BT.2087, linear BT.2020 -> linear BT.709
_TO_709 = (
    (1.660491, -0.587641, -0.072850),
    (-0.124550, 1.132900, -0.008349),
    (-0.018151, -0.100579, 1.118730),
)
_LUMA_2020 = (0.2627, 0.6780, 0.0593)
_STEPS = 65


def to_sdr(codes: Tensor, transfer: Transfer | None, peak: float, *, wide_gamut: bool) -> Tensor:
    """Return HDR or BT.2020 pictures as SDR with BT.709 primaries.

    codes:    [H,W,3] float32 RGB in 0..1, the signal's own values (non-linear)
    transfer: None for SDR with wide gamut
    peak:     the brightest pixel that the file states, cd/m²; 0 = unknown, `PEAK` is assumed

    Returns [H,W,3] uint8 from a table of 65 steps per channel: nine colours of ten as `toned`
    rounds them, the others, nearly all outside BT.709, a few steps from it.
    """
    table = _table(transfer, peak or PEAK, wide_gamut)
    at = codes[None, None] * 2 - 1  # [1,1,H,W,3]
    values = F.grid_sample(table, at, align_corners=True)[0, :, 0]  # [3,H,W]
    return values.mul_(255).round_().to(torch.uint8).movedim(0, -1).contiguous()


@cache
def _table(transfer: Transfer | None, peak: float, wide_gamut: bool) -> Tensor:
    """Return [1,3,B,G,R], what each colour becomes; a picture's red is the last axis."""
    steps = torch.linspace(0, 1, _STEPS)
    blue, green, red = torch.meshgrid(steps, steps, steps, indexing="ij")
    colours = torch.stack([red, green, blue], -1)
    return toned(colours, transfer, peak, wide_gamut=wide_gamut).movedim(-1, 0)[None]


def toned(codes: Tensor, transfer: Transfer | None, peak: float, *, wide_gamut: bool) -> Tensor:
    """Return colours [...,3] of a signal as SDR in 0..1, computed exactly; see `to_sdr`."""
    light = _linear(codes.clamp(0, 1), transfer)  # 1 = SDR white
    if transfer is Transfer.HLG:
        # the OOTF of BT.2100 for 1,000 cd/m²
        luma = light @ light.new_tensor(_LUMA_2020)
        light = light * (PEAK / WHITE * luma.clamp(min=1e-6) ** 0.2)[..., None]
    if transfer is not None:
        light = _compressed(light, peak)
    if wide_gamut:
        light = light @ light.new_tensor(_TO_709).T
    return light.clamp(0, 1) ** (1 / GAMMA)


def pq_to_light(signal: Tensor) -> Tensor:
    """Convert by SMPTE ST 2084: signal 0..1 -> cd/m² 0..10,000."""
    power = signal.clamp(0, 1) ** (1 / _M2)
    return 10_000 * ((power - _C1).clamp(min=0) / (_C2 - _C3 * power)) ** (1 / _M1)


def light_to_pq(light: Tensor) -> Tensor:
    """Convert light to a signal: the inverse of `pq_to_light`."""
    power = (light.clamp(min=0) / 10_000) ** _M1
    return ((_C1 + _C2 * power) / (1 + _C3 * power)) ** _M2


def _linear(signal: Tensor, transfer: Transfer | None) -> Tensor:
    """Return light in parts of SDR white; for HLG the scene's, 0..1."""
    if transfer is Transfer.PQ:
        return pq_to_light(signal) / WHITE
    if transfer is Transfer.HLG:  # ITU-R BT.2100, inverse OETF
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        return torch.where(signal <= 0.5, signal**2 / 3, (torch.exp((signal - c) / a) + b) / 12)
    return signal**GAMMA


def _compressed(light: Tensor, peak: float) -> Tensor:
    """Bring light up to `peak` cd/m² into 0..1 by the EETF of BT.2390-11, 5.4.1, applied to the
    brightest channel, which keeps the hue."""
    if peak <= WHITE:
        return light
    brightest = light.amax(-1, keepdim=True)
    top = light_to_pq(torch.tensor(peak))
    signal = (light_to_pq(brightest * WHITE) / top).clamp(max=1)
    most = light_to_pq(torch.tensor(WHITE)) / top
    knee = 1.5 * most - 0.5
    t = (signal - knee) / (1 - knee)
    spline = (
        (2 * t**3 - 3 * t**2 + 1) * knee
        + (t**3 - 2 * t**2 + t) * (1 - knee)
        + (-2 * t**3 + 3 * t**2) * most
    )
    mapped = pq_to_light(torch.where(signal < knee, signal, spline) * top) / WHITE
    return light * mapped / brightest.clamp(min=1e-6)
