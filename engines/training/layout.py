"""Where the files of a run stand in its folder."""

from dataclasses import dataclass
from pathlib import Path

CHECKPOINT = "checkpoint.pt"


@dataclass(frozen=True)
class Layout:
    """The paths of a run's files.

    checkpoint: the last one, to go on from
    best:       the one of the best validation
    metrics:    a line of figures per step; the same as a table beside it
    validation: a line of figures per validation
    curves:     the figures as a picture
    """

    folder: Path
    checkpoint: Path
    best: Path
    metrics: Path
    validation: Path
    curves: Path

    @classmethod
    def plain(cls, folder: Path) -> "Layout":
        """Return the layout in which all files lie side by side."""
        return cls(
            folder=folder,
            checkpoint=folder / CHECKPOINT,
            best=folder / "best.pt",
            metrics=folder / "metrics.jsonl",
            validation=folder / "val_metrics.jsonl",
            curves=folder / "curves.png",
        )

    @classmethod
    def contract(cls, folder: Path) -> "Layout":
        """Return the layout of the run contract: checkpoints/, reports/ and exports/."""
        reports = folder / "reports"
        return cls(
            folder=folder,
            checkpoint=folder / "checkpoints/last.pt",
            best=folder / "checkpoints/best.pt",
            metrics=reports / "train_metrics.jsonl",
            validation=reports / "val_metrics.jsonl",
            curves=reports / "curves.png",
        )

    @property
    def is_contract(self) -> bool:
        """Whether it is that of the run contract."""
        return self.checkpoint.parent != self.folder
