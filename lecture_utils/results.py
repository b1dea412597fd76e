"""What the long experiments measured: the tables of data/results, each with the command that makes it."""

import json

from . import store
from .checks import check_choice


def names() -> list[str]:
    """The names of the shipped tables, in alphabetical order."""
    listed = (name.split("/") for name in store.manifest() if name.endswith(".json"))
    return sorted(parts[1].removesuffix(".json") for parts in listed if parts[0] == "results")


def load(name: str) -> dict:
    """A shipped table, {"command": what makes it, ...}; the experiment's module says what the rest means.

    Errors: UnknownName (a KeyError) with the near misses; store.DamagedData for a file that is missing or damaged.

    >>> results.load("scoreboard")["command"]
    'python -m experiments scoreboard'
    """
    return json.loads(store.read_verified(f"results/{check_choice(name, names(), 'name')}.json"))
