"""What the registry states about a model and about each of its files."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from ..files import check_regular, sha256_of

WEIGHTS = "weights"  # name of the asset of a model that has a single file


@dataclass(frozen=True)
class Asset:
    """One file of a model.

    name:           what it is to the model's family: "weights", "topology", ...
    file:           file name, in the package's or in the models folder
    bytes:          size; 0 if unknown
    sha256:         hexadecimal digest, or its first digits; "" if unknown
    repo, revision: repository on the Hugging Face Hub and the pinned commit; "" if not on the Hub
    remote:         path in that repository, where it differs from `file`
    url:            address of a file that is not on the Hub; "" otherwise
    """

    name: str
    file: str
    bytes: int = 0
    sha256: str = ""
    repo: str = ""
    revision: str = ""
    remote: str = ""
    url: str = ""

    @property
    def fetched(self) -> bool:
        """Whether the file can be downloaded."""
        return bool(self.repo or self.url)

    @property
    def page(self) -> str:
        """The address where a person finds the file; "" if it is not downloaded."""
        if self.url or not self.repo:
            return self.url
        return f"https://huggingface.co/{self.repo}/blob/{self.revision}/{self.remote or self.file}"

    def differs(self, path: Path) -> str:
        """Return why the file at `path` is not this asset, or "" if it is."""
        try:
            check_regular(path)
        except OSError as error:
            return error.strerror or str(error)
        size = path.stat().st_size
        if self.bytes and size != self.bytes:
            return f"expected {self.bytes} bytes, found {size}"
        if self.sha256:
            digest = sha256_of(path)
            if not digest.startswith(self.sha256):
                return f"expected sha256 {self.sha256}, found {digest}"
        return ""


@dataclass(frozen=True)
class ModelEntry:
    """One model of the registry.

    name:             the key that nodes and the command line use
    title:            name for people
    task:             which nodes load it, such as "pose", "flow" or "upscale"
    family:           name of its family, see `families`
    licence:          SPDX identifier, or the name of the licence
    source:           where the weights come from
    recommended_size: longer side of the input in pixels, when the user gives none
    files:            its files, the main one (the weights) first
    terms:            what a user must accept before anything is fetched; "" if nothing
    """

    name: str
    title: str
    task: str
    family: str
    licence: str
    source: str
    recommended_size: int
    files: tuple[Asset, ...]
    terms: str = ""

    @property
    def main(self) -> Asset:
        """The first file."""
        return self.files[0]

    @property
    def own(self) -> bool:
        """Whether the files are the user's."""
        return ":" in self.name

    @property
    def embedded(self) -> bool:
        """Whether the files come with the package."""
        return not self.own and not any(asset.fetched for asset in self.files)

    @property
    def sha256(self) -> str:
        """The digest of its file; of several files, a digest of their names and digests."""
        if len(self.files) == 1:
            return self.main.sha256
        listed = "".join(f"{asset.name} {asset.sha256}\n" for asset in self.files)
        return hashlib.sha256(listed.encode()).hexdigest()

    def with_file(self, file: str, *, sha256: str = "") -> "ModelEntry":
        """Return this entry with one local file of any size in place of its files."""
        return replace(self, files=(Asset(WEIGHTS, file, sha256=sha256),))
