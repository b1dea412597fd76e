"""Check data/ against its manifest, or write the manifest.  python -m experiments manifest [--write]

`data/MANIFEST.json` states for each file its sha256, its bytes and the command that makes it; the package refuses a
file that is not as stated there. A command that makes files lists them by itself.
"""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path

from lecture_utils import store

from .files import write_text


def made_by(name: str) -> str:
    """The command that makes a file of the data folder: as its card or its results say, with all options; else the
    experiment that has it among what it `makes`.
    """
    from .experiment import command, known

    if not name.startswith(("toyworld/", "studio/", "photographs/", "fashion/")) and (
        table := _table_of(name)
    ):
        return json.loads(table.read_text(encoding="utf-8"))["command"]
    makers = [one.name for one in known().values() if any(fnmatchcase(name, p) for p in one.makes)]
    return command(makers[0]) if makers else "?"


def _table_of(name: str) -> Path | None:
    """The results or the card that a file belongs to: synthesis/inversions/... to results/inversions.json,
    weights/alex-epoch1.safetensors to weights/alex.json.
    """
    folder, *rest = name.split("/")
    folder, stem = ("results", rest[0]) if folder == "synthesis" else (folder, rest[-1])
    tables = (store.data_dir() / folder).glob("*.json")
    own = [t for t in tables if stem.split(".")[0] == t.stem or stem.startswith(f"{t.stem}-")]
    return max(own, key=lambda table: len(table.stem), default=None)


def verify_all() -> list[str]:
    """One sentence for each thing wrong in the data folder; an empty list when all is well."""
    listed = store.manifest()

    def problem(name: str) -> str | None:
        try:
            store.read_verified(name)
        except store.DamagedData as error:
            return str(error)

    with ThreadPoolExecutor() as pool:
        problems = [sentence for sentence in pool.map(problem, listed) if sentence]
    extra = sorted(set(files()) - set(listed))
    return problems + [f"{store.data_dir() / name} is not listed in {store.MANIFEST}" for name in extra]


def files(folder: Path | None = None) -> list[str]:
    """What is in the data folder (or another) but for the manifest and what is being written, with forward slashes."""
    root = folder or store.data_dir()
    found = (p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file())
    return sorted(
        name for name in found if name != store.MANIFEST and not any(map(_passing, name.split("/")))
    )


def _passing(part: str) -> bool:
    return part.endswith(".tmp") or part.startswith((".", "~"))


def write(names: list[str] | None = None) -> Path:
    """Write the manifest of what is there; names: only their entries are new or gone, the others stay as they are.

    One line each, so that a diff is short.
    """
    root = store.data_dir()
    listed = {} if names is None else store.manifest()
    names = files() if names is None else names
    there = [name for name in names if (root / name).exists()]
    with ThreadPoolExecutor() as pool:
        contents = list(pool.map(lambda name: _content(root / name), there))
    entries = {name: facts for name, facts in listed.items() if name not in set(names)}
    origins = _origins()
    for name, facts in zip(there, contents, strict=True):
        entries[name] = facts | {"made_by": made_by(name)} | origins.get(name, {})
    lines = [f"{json.dumps(name)}: {json.dumps(entries[name])}" for name in sorted(entries)]
    return write_text(root / store.MANIFEST, "{\n" + ",\n".join(lines) + "\n}\n")


def _origins() -> dict[str, dict]:
    """{file: source and licence} of the photographs, which are not ours."""
    path = store.data_dir() / "photographs/photographs.json"
    table = json.loads(path.read_text(encoding="utf-8"))["photographs"] if path.exists() else {}
    wanted = ("source", "licence")
    return {f"photographs/{name}.jpg": {k: row[k] for k in wanted} for name, row in table.items()}


def _content(path: Path) -> dict:
    content = path.read_bytes()
    return {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


@contextmanager
def followed(folder: Path):
    """What changes below a folder inside: a list that holds the names afterwards, also when something was raised. In
    the data folder they are listed in the manifest.
    """
    before, changed = _state(folder), []
    try:
        yield changed
    finally:
        after = _state(folder)
        changed += sorted(name for name in before | after if before.get(name) != after.get(name))
        if changed and folder == store.data_dir():
            whole = not (folder / store.MANIFEST).exists()
            write(None if whole else changed)


def _state(folder: Path) -> dict[str, tuple]:
    """{name: what tells a file that was written anew}."""
    found = {name: (folder / name).stat() for name in files(folder)}
    return {name: (stat.st_mtime_ns, stat.st_size, stat.st_ino) for name, stat in found.items()}


def sizes() -> dict[str, int]:
    """Bytes of each file, and of each split of the gallery as a whole, biggest first."""
    totals: dict[str, int] = {}
    for name in [*files(), store.MANIFEST]:
        top, *rest = name.split("/")
        group = name
        if top == "toyworld" and len(rest) > 1:
            group = "/".join([top, *rest[: 2 if rest[0] == "masks" else 1]])
        totals[group] = totals.get(group, 0) + (store.data_dir() / name).stat().st_size
    return dict(sorted(totals.items(), key=lambda item: -item[1]))


def main(argv: list[str]) -> int:
    """Print sizes and problems; with --write the manifest is made anew first. The exit status is 1 for a problem."""
    import argparse
    import sys

    parser = argparse.ArgumentParser(
        prog="python -m experiments manifest", description=__doc__.split("  ")[0]
    )
    parser.add_argument("--write", action="store_true", help="make MANIFEST.json anew from what is in data/")
    if parser.parse_args(argv).write:
        print(f"wrote {write()}")
    try:
        problems, table = verify_all(), sizes()
    except store.DamagedData as error:
        print(error, file=sys.stderr)
        return 1
    for name, size in table.items():
        print(f"{size / 1e6:8.2f} MB  {name}")
    listed = len(store.manifest())
    print(f"{sum(table.values()) / 1e6:8.2f} MB  in all, {listed} files, {len(problems)} problems")
    print(*problems, sep="\n", file=sys.stderr, end="\n" if problems else "")
    return 1 if problems else 0
