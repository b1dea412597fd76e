"""What an experiment is: what it makes, how long it takes, and what its command does.

A module that makes something says so at its end, and `python -m experiments` finds it there:

    EXPERIMENT = Experiment(makes=("results/ring.json",), takes="10 minutes", run=run)
"""

import argparse
import ast
import inspect
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import import_module
from pathlib import Path

from lecture_utils import store

from . import manifest
from .files import write_json

HERE = Path(__file__).parent
JOBS = {"--jobs": {"type": int, "help": "trainings at a time, one core each (1)"}}
RESTART = {"--restart": {"action": "store_true", "help": "begin anew, without the checkpoint"}}
THREADS = {"--threads": {"type": int, "help": "threads of torch"}}


class Refused(ValueError):
    """What an experiment cannot do, in a sentence for whoever typed the command."""


@dataclass(frozen=True)
class Experiment:
    """What a module makes, and how its command runs. `makes` and `takes` are written out: see `known`.

    makes: files of the data folder, * for any text; none where everything stays in the cache.
    takes: how long on two cores, in words.
    run: called with the options that were given; where something is made also with `out`, the folder to write into.
    options: {"--name" or "name": what argparse's `add_argument` takes}.
    goes_on: how the same command goes on after a stop, such as "from the last epoch"; "" where it begins anew.
    report: from what `run` gives to a text that is printed at the end.
    """

    makes: tuple[str, ...]
    takes: str
    run: Callable
    options: dict[str, dict] = field(default_factory=dict)
    goes_on: str = ""
    report: Callable[..., str] | None = None


@dataclass(frozen=True)
class Known:
    """What can be said of an experiment without importing it. about: the first line of its module's docstring."""

    name: str
    module: str
    about: str
    makes: tuple[str, ...]
    takes: str


@lru_cache
def known(folder: Path = HERE) -> dict[str, Known]:
    """{name: Known} of every module here with an EXPERIMENT, read from its text: importing them all takes seconds."""
    found = {}
    for path in sorted(folder.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in tree.body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "EXPERIMENT":
                said = {k.arg: k.value for k in node.value.keywords if k.arg in ("makes", "takes")}
                said = {name: ast.literal_eval(value) for name, value in said.items()}
                about = ast.get_docstring(tree).split("\n")[0].split("  python -m")[0].rstrip(" :,")
                module = ".".join(path.relative_to(folder.parent).with_suffix("").parts)
                found[path.stem] = Known(path.stem, module, about, **said)
    return found


def some_of(name: str, names) -> dict[str, dict]:
    """An option for the parts of an experiment, all where none is named; an unknown one is refused."""
    what = {"nargs": "*", "type": one_of(names, name), "help": f"make only these, of: {'; '.join(names)}"}
    return {name: what}


def one_of(names, what: str) -> Callable[[str], str]:
    """For argparse's `type`: a name among `names`; else an error with the near misses."""

    def one(text):
        from lecture_utils.checks import near_miss

        if text not in names:
            raise argparse.ArgumentTypeError(str(near_miss(text, names, what)))
        return text

    return one


def write_results(out: Path, name: str, facts: dict) -> Path:
    """results/<name>.json below `out`: the command that makes it, and the facts."""
    return write_json(out / "results" / f"{name}.json", {"command": command(name)} | facts)


def command(name: str) -> str:
    """What to type."""
    return f"python -m experiments {name}"


def carry_out(name: str, argv: list[str]) -> int:
    """Run an experiment as the command line says; the result is the exit status.

    What it has changed in the data folder is listed in MANIFEST.json afterwards, also when it was stopped.
    """
    module = import_module(known()[name].module)
    experiment = module.EXPERIMENT
    given = vars(_parser(name, module.__doc__, experiment).parse_args(argv))
    given = {k: value for k, value in given.items() if not (value is None or value is False or value == [])}
    out = given.pop("out", None) or store.data_dir()
    try:
        with manifest.followed(out) as changed:
            found = experiment.run(**given, **({"out": out} if experiment.makes else {}))
    except KeyboardInterrupt:
        how = f"goes on {experiment.goes_on}" if experiment.goes_on else "begins anew; nothing was written"
        print(f"\nstopped; the same command {how}", file=sys.stderr)
        return 130
    except (Refused, OSError, FloatingPointError) as error:
        print(error, file=sys.stderr)
        return 2
    if experiment.report:
        print(experiment.report(found))
    print(_wrote(out, changed), end="")
    return 0


def _parser(name: str, about: str, experiment: Experiment) -> argparse.ArgumentParser:
    text = f"{inspect.cleandoc(about)}\n\nTakes about {experiment.takes}."
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog=command(name), description=text, formatter_class=form)
    for option, facts in experiment.options.items():
        parser.add_argument(option, **facts)
    if experiment.makes:
        parser.add_argument("--out", type=Path, help="another folder to write into than data/")
    return parser


def _wrote(out: Path, changed: list[str]) -> str:
    more = f", and {len(changed) - 3} more" if len(changed) > 3 else ""
    names = ", ".join(os.path.relpath(out / name) for name in changed[:3])
    return f"wrote {names}{more}\n" if changed else ""
