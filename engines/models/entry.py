"""What the registry knows of a model."""

from dataclasses import dataclass
from pathlib import Path

from ..files import sha256_of


@dataclass(frozen=True)
class ModelEntry:
    """One model of the registry.

    name:             the key, as nodes and command line show it
    title:            for people
    task:             what it is for: "pose", "flow"
    family:           which network and pre- and post-processing it belongs to
    licence:          SPDX identifier, or the licence's name
    source:           where the weights come from
    file:             name of the file: embedded in the package, or in the models folder
    bytes, sha256:    of that file; 0 and "" where they are not known, or the first digits alone
    recommended_size: longer side of the input, in pixels, when the user names none
    repo, revision:   where the Hugging Face Hub has it, and its pinned commit; "": embedded
    remote:           the file's path there, where it differs from `file`
    url:              where a file lies that the Hub does not have; "": none
    terms:            what a user must accept before it is fetched; "": nothing
    """

    name: str
    title: str
    task: str
    family: str
    licence: str
    source: str
    file: str
    bytes: int
    sha256: str
    recommended_size: int
    repo: str = ""
    revision: str = ""
    remote: str = ""
    url: str = ""
    terms: str = ""

    @property
    def page(self) -> str:
        """Where a person finds the file; "" for one that is here."""
        if self.url or not self.repo:
            return self.url
        return f"https://huggingface.co/{self.repo}/blob/{self.revision}/{self.remote or self.file}"

    @property
    def own(self) -> bool:
        """Whether the file is the user's."""
        return ":" in self.name

    @property
    def embedded(self) -> bool:
        """Whether the file comes with the package."""
        return not self.repo and not self.url and not self.own

    def differs(self, path: Path) -> str:
        """Why the file at `path` is not this model's; "" if it is."""
        size = path.stat().st_size
        if self.bytes and size != self.bytes:
            return f"expected {self.bytes} bytes, found {size}"
        if self.sha256:
            digest = sha256_of(path)
            if not digest.startswith(self.sha256):
                return f"expected sha256 {self.sha256}, found {digest}"
        return ""
