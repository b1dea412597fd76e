"""The data folder: where it is, what must be in it, and proof that it is whole. Needs no torch.

`data/MANIFEST.json` states for each file its sha256, its bytes and the command that makes it. Files are
checked against it when they are read. Whoever makes files lists them there: see `python -m experiments manifest`.
"""

import hashlib
import json
import os
from functools import lru_cache
from pathlib import Path

MANIFEST = "MANIFEST.json"
ROOT = Path(__file__).resolve().parents[1]  # of the repository


class DamagedData(OSError):
    """A file of data/ is missing or is not what MANIFEST.json says."""


def data_dir() -> Path:
    """The data folder: $INSIDE_CONVNETS_DATA, or data/ beside the package."""
    folder = os.environ.get("INSIDE_CONVNETS_DATA")
    return Path(folder).expanduser() if folder else ROOT / "data"


def cache_dir() -> Path:
    """Where what was made once is kept: $INSIDE_CONVNETS_CACHE, or ~/.cache/inside-convnets."""
    folder = os.environ.get("INSIDE_CONVNETS_CACHE")
    return Path(folder).expanduser() if folder else Path.home() / ".cache" / "inside-convnets"


def manifest() -> dict[str, dict]:
    """{file: {"sha256", "bytes", "made_by"}}, files relative to the data folder, with forward slashes."""
    path = data_dir() / MANIFEST
    checkout = (ROOT / "pyproject.toml").exists()  # a wheel has no data
    restore = f"restore it with `git checkout -- data/{MANIFEST}`" if checkout else "clone the course"
    try:
        return _parsed(path, path.stat().st_mtime_ns)
    except FileNotFoundError:
        other = "set INSIDE_CONVNETS_DATA to the folder that has it"
        raise DamagedData(f"{path} is missing: {restore}, {'or' if checkout else 'and'} {other}") from None
    except ValueError:
        raise DamagedData(f"{path} is damaged: {restore}") from None


@lru_cache(maxsize=4)
def _parsed(path: Path, mtime: int) -> dict[str, dict]:
    entries = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(entries, dict):
        raise ValueError("not a table")
    return entries


def read_verified(name: str) -> bytes:
    """The content of `name` (relative to the data folder), after checking its length and sha256.

    Errors: DamagedData, one sentence that names the file and how to get it back.
    """
    entry = manifest().get(name)
    path = data_dir() / name
    if entry is None:
        how = "`python -m experiments` lists what makes each file, and lists it there"
        raise DamagedData(f"{path} is not listed in {MANIFEST}: {how}")
    remedy = f"restore it with `git checkout -- data/{name}`, or make it again with `{entry['made_by']}`"
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise DamagedData(f"{path} is missing: {remedy}") from None
    if len(content) != entry["bytes"]:
        raise DamagedData(f"{path} has {len(content)} bytes instead of {entry['bytes']}: {remedy}")
    if hashlib.sha256(content).hexdigest() != entry["sha256"]:
        raise DamagedData(f"{path} is damaged (its sha256 is not the one in {MANIFEST}): {remedy}")
    return content


def verified_path(name: str) -> Path:
    """The path of `name`, checked as in `read_verified`."""
    read_verified(name)
    return data_dir() / name
