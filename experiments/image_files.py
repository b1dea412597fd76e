"""A folder of images too large for the memory: each is read when it is asked for, and searched for patches."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import nn

from lecture_utils.features import Patches, TopUnits, cut_patches, top_units
from lecture_utils.photographs import SIZE, UNREADABLE, check_folder, heic_hint, largest_square, open_image
from lecture_utils.progress import progress, silenced


class Files:
    """The image files of a folder and of all folders in it, in the order of their names, read when asked for.

    `files[n]` is image n, float32 (3, size, size) in [0, 1]: its largest square, from the middle. Only the list of
    names is held in memory, so a folder may be as large as the disk. Files that are no images are left out; `.skipped`
    names them. What is hidden (its name, or that of a folder above it, begins with a dot) is not looked at.
    Errors: FileNotFoundError, NotADirectoryError; ValueError when there is no image, and when a file turns out to be
    damaged as it is read.
    """

    def __init__(self, folder: str | Path, size: int = SIZE) -> None:
        self.size, self.paths, self.skipped = size, [], []
        folder = check_folder(folder)
        found = sorted(p for p in folder.rglob("*") if p.is_file() and not _hidden(p.relative_to(folder)))
        for path in progress(found, "looking for images"):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    Image.open(path).close()  # reads no more than the first few bytes
            except UNREADABLE:
                self.skipped.append(str(path.relative_to(folder)))
            else:
                self.paths.append(path)
        if not self.paths:
            raise ValueError(
                f"folder: expected one with images in it, got {str(folder)!r}: none is there{heic_hint(self.skipped)}"
            )

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> torch.Tensor:
        try:
            return largest_square(open_image(self.paths[index]), size=self.size)
        except UNREADABLE as error:
            raise ValueError(f"{self.paths[index].name}: this image cannot be read ({error})") from error

    def __repr__(self) -> str:
        return f"Files: {len(self)} images, each read when asked for as a square of {self.size} px"


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def top_patches(
    net: nn.Module, files: Sequence, layer: str | nn.Module, channel: int, k: int, batch_size: int = 64
) -> Patches:
    """`features.top_patches` of a sequence of images (3, h, w) of one size: one batch at a time is in memory."""
    best = None
    for first in progress(range(0, len(files), batch_size), "looking for the strongest units"):
        images = torch.stack([files[n] for n in range(first, min(first + batch_size, len(files)))])
        with silenced():
            found = top_units(net, images, layer, min(k, len(images)), channel)
        found = found._replace(images=found.images + first)
        best = TopUnits(*(torch.cat(pair, 1) for pair in zip(best, found, strict=True))) if best else found
        order = best.scores[0].argsort(descending=True, stable=True)[:k]  # of equal ones the earlier image
        best = TopUnits(*(values[:, order] for values in best))
    scores, which, units = (values[0] for values in best)
    images = torch.stack([files[n] for n in which.tolist()])
    return cut_patches(net, images, layer, scores, torch.arange(len(which)), units)._replace(images=which)
