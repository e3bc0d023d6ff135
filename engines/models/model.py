"""`Model`: what travels on a KINO_MODEL socket."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from .entry import ModelEntry

Option = bool | int | float | str


@dataclass(frozen=True)
class Model:
    """A model whose files are on this machine and intact; nothing is loaded yet.

    paths:   name of each asset -> where its file is
    options: settings that are fixed when the network is built, such as the number of updates of a
             flow network. What an option means is up to the family; those that have their default
             value are left out. Values are JSON scalars, and part of the cache key of an engine
    """

    entry: ModelEntry
    paths: Mapping[str, Path] = field(hash=False)
    options: Mapping[str, Option] = field(default_factory=dict, hash=False)

    @classmethod
    def of_file(cls, entry: ModelEntry, path: Path) -> "Model":
        """Return the model of an entry that has one file, found at `path`."""
        return cls(entry, {entry.main.name: path})

    @property
    def name(self) -> str:
        return self.entry.name

    @property
    def path(self) -> Path:
        """The main file, which holds the weights."""
        return self.paths[self.entry.main.name]

    @property
    def bytes(self) -> int:
        """Size of all its files."""
        return sum(path.stat().st_size for path in self.paths.values())

    def with_options(self, **options: Option) -> "Model":
        """Return this model with other `options`; 0, False and "" mean the family's default."""
        every = {**self.options, **options}
        return replace(self, options={name: value for name, value in every.items() if value})
