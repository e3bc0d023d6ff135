"""Who is seen in each pixel of a clip, and the pictures that follow from it."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ...geometry.morphology import feather
from .choices import PALETTE

CODES = 256  # of a frame, 0 for nobody
_PIXELS_AT_ONCE = {"cpu": 2**20, "cuda": 2**25}
_OTHER_DEVICES = 2**23
_BITS = 62  # codes that are looked up as bits of a number


@dataclass(frozen=True)
class Labels:
    """Who is seen in each pixel of F frames.

    codes:  [F,H,W] uint8, which number each stands for is the frame's own; 0: nobody
    number: [F,256] int64, by code: 0 for who is not asked for, the others from 1 on in the order
            of their first appearance, and from left to right where they appear together
    """

    codes: Tensor
    number: Tensor

    def __len__(self) -> int:
        return len(self.codes)

    def mask(self, soft: float = 0.0) -> Tensor:
        """Return where anybody is who is asked for, [F,H,W] 0..1; its edges fade over `soft` px."""
        mask = torch.empty(self.codes.shape, device=self.codes.device)
        for part in self._parts():
            here = _looked_up(self.codes[part], self.number[part] > 0)
            mask[part] = feather(here.float(), soft)
        return mask

    def coloured(self, background: float) -> Tensor:
        """Return pictures [F,H,W,3] in which each person has a colour of `PALETTE`, and those
        without one the background, 0 or 1, as everything else. All values are 0 or 1.
        """
        device = self.codes.device
        palette = torch.tensor([(background,) * 3, *PALETTE], device=device).float()  # [1 + 6,3]
        number = torch.where(self.number <= len(PALETTE), self.number, 0)
        pictures = torch.full((*self.codes.shape, 3), background, device=device)
        for part in self._parts():
            codes, colours = self.codes[part], palette[number[part]].flatten(0, 1)  # [F * 256,3]
            place = codes.flatten().nonzero()[:, 0]
            frame = place // codes[0].numel()
            chosen = colours[codes.flatten()[place].long() + CODES * frame]
            pictures[part].view(-1, 3).index_copy_(0, place, chosen)
        return pictures

    def by_person(self, number: Tensor) -> Tensor:
        """Return the masks [F,N,H,W] bool of people by their numbers [N] from 1 on."""
        same = self.number[:, None] == number.to(self.number)[:, None]  # [F,N,256]
        code = torch.where(same.any(2), same.to(torch.uint8).argmax(2), -1)
        return self.codes[:, None] == code[..., None, None]

    @classmethod
    def cat(cls, parts: "list[Labels]") -> "Labels":
        """Return successive parts, at least one, as one."""
        if len(parts) == 1:
            return parts[0]
        return cls(torch.cat([p.codes for p in parts]), torch.cat([p.number for p in parts]))

    def _parts(self) -> Iterator[slice]:
        pixels = _PIXELS_AT_ONCE.get(self.codes.device.type, _OTHER_DEVICES)
        step = max(1, pixels // max(1, self.codes[0].numel()))
        for start in range(0, len(self), step):
            yield slice(start, min(start + step, len(self)))

    def slice(self, start: int, stop: int) -> "Labels":
        """Return the frames from `start` up to but not including `stop`, without copying."""
        return Labels(self.codes[start:stop], self.number[start:stop])


def _looked_up(codes: Tensor, table: Tensor) -> Tensor:
    """Return what the table [F,256] bool has for codes [F,H,W], [F,H,W] bool."""
    most = int(codes.max()) + 1
    index = codes.long()
    if most <= _BITS:
        # A table is the bits of a number: much faster than an index on a CPU.
        place = torch.arange(most, device=codes.device)
        bits = (table[:, :most].long() << place).sum(-1)
        return ((bits[:, None, None] >> index) & 1).bool()
    index += CODES * torch.arange(len(codes), device=codes.device)[:, None, None]
    return table.flatten()[index]
