"""Columns of tables: what the rasteriser reads most."""

from torch import Tensor


def columns(table: Tensor, index: Tensor) -> Tensor:
    """Return `table[:, index]` [C,M] of a table [C,V] and int64 numbers [M].

    With `gather`: on a CPU indexing takes six times as long, and `index_select` up to four times.
    """
    return table.gather(1, index.expand(len(table), -1))
