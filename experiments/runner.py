"""One command for all that is made: `python -m experiments NAME [options]`; without a name it lists what there is."""

import json
import re
import sys
from fnmatch import fnmatchcase

from lecture_utils import store
from lecture_utils.progress import progress

from . import manifest
from .experiment import Known, carry_out, known

SHA256 = re.compile(r"[0-9a-f]{64}")


def main(argv: list[str] | None = None) -> int:
    """Run an experiment, check the manifest, or list everything. The exit status: 2 for an unknown name."""
    name, *options = list(sys.argv[1:] if argv is None else argv) or [""]
    if name in ("", "-h", "--help"):
        print(listing())
        return 0
    if name == "manifest":
        return manifest.main(options)
    if name not in known():
        from lecture_utils.checks import near_miss

        print(near_miss(name, [*known(), "manifest"], "experiment"), file=sys.stderr)
        return 2
    return carry_out(name, options)


def listing() -> str:
    """Each experiment: what it asks, what it makes, how long it takes, whether what ships is up to date."""
    blocks = []
    for one in progress(known().values(), "checking what ships"):
        makes = ", ".join(one.makes) or "nothing that ships: it stays in the cache"
        state = up_to_date(one)
        blocks.append(f"{one.name}: {one.about}\n    makes {makes}\n    takes about {one.takes}; {state}")
    head = "python -m experiments NAME [--help], with a NAME from below (times on two cores)"
    tail = "manifest: checks data/ against MANIFEST.json, or writes it (--write)"
    return "\n".join([head, "", *blocks, tail])


def up_to_date(one: Known) -> str:
    """ "up to date", or what is not: a file that is missing, damaged or not listed, or one whose text names a world or
    weights (by their sha256) that are no longer those of today.
    """
    if not one.makes:
        return "nothing to check"
    listed = store.manifest()
    for pattern in one.makes:
        names = [name for name in listed if fnmatchcase(name, pattern)]
        if not names:
            return f"MISSING: {pattern}"
        for name in names:
            try:
                content = store.read_verified(name)
            except store.DamagedData as error:
                return f"NOT AS LISTED: {error}"
            if name.endswith(".json") and (why := _stale(json.loads(content), listed)):
                return f"OUT OF DATE: {name} {why}"
    return "up to date"


def _stale(facts: dict, listed: dict) -> str:
    """Why the facts of a card or of results are no longer those of today; "" where nothing speaks against them."""
    from .train.data import world_fingerprint

    worlds = {value for key, value in _leaves(facts) if key == "world" and value}
    if worlds - {world_fingerprint()}:
        return "is of another toy world"
    known_shas = {entry["sha256"] for entry in listed.values()}
    shas = {value for _, value in _leaves(facts) if isinstance(value, str) and SHA256.fullmatch(value)}
    return "is of other weights" if shas - known_shas else ""


def _leaves(content, key=""):
    """(key, value) of everything in nested dicts and lists that is neither."""
    if isinstance(content, dict):
        for name, value in content.items():
            yield from _leaves(value, name)
    elif isinstance(content, list):
        for value in content:
            yield from _leaves(value, key)
    else:
        yield key, content
