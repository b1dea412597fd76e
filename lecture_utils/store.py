"""The data folder: where it is, what must be in it, and proof that it is whole. Needs no torch.

`data/MANIFEST.json` states for each file its sha256, its bytes and the command that makes it. Files are
checked against it when they are read. `python -m lecture_utils.store` checks them all; `--write` makes the
manifest anew.
"""

import argparse
import hashlib
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

MANIFEST = "MANIFEST.json"
GALLERY_COMMAND = "python -m experiments gallery"
STUDIO_COMMAND = "python -m experiments studio"


class DamagedData(OSError):
    """A file of data/ is missing or is not what MANIFEST.json says."""


def data_dir() -> Path:
    """The data folder: $INSIDE_CONVNETS_DATA, or data/ beside the package."""
    folder = os.environ.get("INSIDE_CONVNETS_DATA")
    return Path(folder).expanduser() if folder else Path(__file__).resolve().parents[1] / "data"


def cache_dir() -> Path:
    """Where what was made once is kept: $INSIDE_CONVNETS_CACHE, or ~/.cache/inside-convnets."""
    folder = os.environ.get("INSIDE_CONVNETS_CACHE")
    return Path(folder).expanduser() if folder else Path.home() / ".cache" / "inside-convnets"


def manifest() -> dict[str, dict]:
    """{file: {"sha256", "bytes", "made_by"}}, files relative to the data folder, with forward slashes."""
    path = data_dir() / MANIFEST
    try:
        return _parsed(path, path.stat().st_mtime_ns)
    except FileNotFoundError:
        raise DamagedData(
            f"{path} is missing: restore it with `git checkout -- data/{MANIFEST}`, "
            "or set INSIDE_CONVNETS_DATA to the folder that has it"
        ) from None
    except ValueError:
        raise DamagedData(f"{path} is damaged: restore it with `git checkout -- data/{MANIFEST}`") from None


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
        how = f"make it with `{made_by(name)}` and then run `python -m lecture_utils.store --write`"
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


def verify_all() -> list[str]:
    """One sentence for each thing wrong in the data folder; an empty list when all is well."""
    listed = manifest()

    def problem(name: str) -> str | None:
        try:
            read_verified(name)
        except DamagedData as error:
            return str(error)

    with ThreadPoolExecutor() as pool:
        problems = [sentence for sentence in pool.map(problem, listed) if sentence]
    extra = sorted(set(_files()) - set(listed))
    return problems + [f"{data_dir() / name} is not listed in {MANIFEST}" for name in extra]


def made_by(name: str) -> str:
    """The command that makes a file of the data folder: weights say it in their card, studies in their results."""
    folder, _, rest = name.partition("/")
    if folder in (
        "results",
        "synthesis",
    ):  # synthesis/spurious_cue/... are the pictures of results/spurious_cue.json
        stem = rest.split("/")[0].removesuffix(".json")
        path = data_dir() / "results" / f"{stem}.json"
        known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        return known.get("command", f"python -m experiments {stem}")
    if folder == "studio":
        return STUDIO_COMMAND
    if folder != "weights":
        return GALLERY_COMMAND
    stem = Path(name).name.split(".")[0]
    cards = [
        p for p in (data_dir() / "weights").glob("*.json") if stem == p.stem or stem.startswith(p.stem + "-")
    ]
    if not cards:
        return f"python -m experiments classifier {stem.split('-')[0]}"
    return json.loads(max(cards, key=lambda p: len(p.stem)).read_text(encoding="utf-8"))["command"]


def write_manifest() -> Path:
    """Make MANIFEST.json from the files that are there; one line each, so that a diff is short."""

    def entry(name: str) -> str:
        content = (data_dir() / name).read_bytes()
        facts = {
            "sha256": hashlib.sha256(content).hexdigest(),
            "bytes": len(content),
            "made_by": made_by(name),
        }
        return f"{json.dumps(name)}: {json.dumps(facts)}"

    with ThreadPoolExecutor() as pool:
        lines = list(pool.map(entry, _files()))
    return write_text(data_dir() / MANIFEST, "{\n" + ",\n".join(lines) + "\n}\n")


def write_text(path, text: str) -> Path:
    """A text file, whole or not at all; its folder is made where it is missing. The path is returned."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
    return path


def write_json(path, content) -> Path:
    """The same for what JSON can hold, indented so that a person can read it."""
    return write_text(path, json.dumps(content, indent=1) + "\n")


def sizes() -> dict[str, int]:
    """Bytes of each file, and of each split of the gallery as a whole, biggest first."""
    totals: dict[str, int] = {}
    for name in [*_files(), MANIFEST]:
        parts = name.split("/")
        group = (
            name
            if parts[0] != "toyworld" or len(parts) < 3
            else "/".join(parts[: 3 if parts[1] == "masks" else 2])
        )
        totals[group] = totals.get(group, 0) + (data_dir() / name).stat().st_size
    return dict(sorted(totals.items(), key=lambda item: -item[1]))


def _files() -> list[str]:
    root = data_dir()
    found = (p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file())
    hidden = (".", "~")
    return sorted(
        f
        for f in found
        if f != MANIFEST and not f.endswith(".tmp") and not f.split("/")[-1].startswith(hidden)
    )


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m lecture_utils.store", description=__doc__.split("\n")[0])
    parser.add_argument("--write", action="store_true", help="make MANIFEST.json anew from what is in data/")
    if parser.parse_args(argv).write:
        print(f"wrote {write_manifest()}")
    try:
        problems, table = verify_all(), sizes()
    except DamagedData as error:
        print(error, file=sys.stderr)
        return 1
    for name, size in table.items():
        print(f"{size / 1e6:8.2f} MB  {name}")
    print(f"{sum(table.values()) / 1e6:8.2f} MB  in all, {len(manifest())} files, {len(problems)} problems")
    print(*problems, sep="\n", file=sys.stderr, end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
