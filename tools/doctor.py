"""The check of the installation: says for each thing whether it is well, and if not, what to do.

`python tools/doctor.py`, or `doctor.report()` of lecture_utils in a notebook. Imports only the standard library by
itself, so that it can still speak when something else is broken. When all is well it prints the same everywhere.
"""

from __future__ import annotations  # so that an older Python gets as far as the line about its version

import importlib
import importlib.util
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OLDEST_PYTHON = (3, 11)
ENOUGH_MEMORY, ENOUGH_CORES = 3.5e9, 2  # bytes (a machine sold as 4 GB passes); cores
# Bytes: of memory, what the kernel of the largest notebook takes (13); of the disk, for its copy and caches.
KERNEL, ROOM = 1.8e9, 0.5e9
# What shows and runs notebooks. Where one runs already, as in Colab or VS Code, other versions do, too.
SHOW = ("anywidget", "ipykernel", "jupyterlab", "nbclient", "nbconvert", "nbformat")


class Trouble(Exception):
    """What is wrong, and what to do: one or two sentences."""


@dataclass(frozen=True)
class Finding:
    """One line of the report. advice: what to do, empty when all is well. fatal: the notebooks cannot run so."""

    item: str
    advice: str = ""
    fatal: bool = True

    @property
    def ok(self) -> bool:
        return not self.advice


def check_all() -> list[Finding]:
    """Try everything, in an order in which the first trouble is the cause of later ones."""
    return [_try(item, check, fatal) for item, check, fatal in CHECKS]


def report() -> bool:
    """Print the findings; True when the notebooks can run: a line marked '!' is only a warning."""
    findings = check_all()
    for finding in findings:
        print(f"{'✓' if finding.ok else '✗' if finding.fatal else '!'} {finding.item}")
        if not finding.ok:
            print(f"    {finding.advice}")
    bad = [finding for finding in findings if not finding.ok]
    if not bad:
        print("All is well.")
    elif any(finding.fatal for finding in bad):
        print(
            "Something is missing (✗). Do what the first ✗ says, then restart the kernel and run this again."
        )
    else:
        print("The notebooks will run; read the line marked '!'.")
    return not any(finding.fatal for finding in bad)


def _try(item: str, check: Callable[[], None], fatal: bool) -> Finding:
    try:
        check()
    except Trouble as trouble:
        return Finding(item, str(trouble), fatal)
    except Exception as error:  # whatever it is, the reader gets a line and not a traceback
        if type(error).__name__ == "DamagedData":  # says itself what to do
            return Finding(item, f"{error}.", fatal)
        return Finding(item, f"{_said(error)}. {HOW_TO_INSTALL}", fatal)
    return Finding(item)


def _said(error: Exception) -> str:
    """The error's name and the first line of its message."""
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}".rstrip(" .:")


# --- the checks: each returns when all is well, and raises Trouble with the advice otherwise ---


def check_python() -> None:
    if sys.version_info < OLDEST_PYTHON:
        found = ".".join(map(str, sys.version_info[:2]))
        raise Trouble(
            f"this is Python {found}; install 3.11 or newer, then `make lab PYTHON=/path/to/python3.11`."
        )


def dependencies() -> dict[str, str]:
    """{package: "==2.15.0" or ">=0.61"} from pyproject.toml, the one list of dependencies."""
    import tomllib  # not in older Pythons

    listed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    cut = [next(i for i, letter in enumerate(line) if letter in "=>") for line in listed]
    return {line[:i].strip(): line[i:].strip() for line, i in zip(listed, cut, strict=True)}


def check_packages() -> None:
    """Every package that a notebook imports is there, in the version asked for; the course's own is of this folder."""
    wrong = []
    own = importlib.util.find_spec("lecture_utils")
    if own is None or not Path(own.origin).resolve().is_relative_to(ROOT):
        where = "is missing" if own is None else f"is that of {Path(own.origin).parents[1]}"
        wrong.append(f"lecture_utils {where}: this folder was moved or copied")
    if wrong := wrong + _amiss(shows=False):
        raise Trouble(f"{'; '.join(wrong)}. {HOW_TO_INSTALL}")


def _amiss(shows: bool) -> list[str]:
    """What is wrong with each of the packages that show notebooks (SHOW), or with each of the others."""
    wrong = []
    for name, wanted in dependencies().items():
        if (name in SHOW) != shows:
            continue
        try:
            found = metadata.version(name)
        except metadata.PackageNotFoundError:
            wrong.append(f"{name} is missing")
            continue
        pinned, there, asked = wanted[:2] == "==", _numbers(found), _numbers(wanted[2:])
        if there != asked if pinned else there < asked:
            wrong.append(f"{name} is {found}, expected {wanted}")
    return wrong


def _numbers(version: str) -> tuple[int, ...]:
    """2.15.0+cpu -> (2, 15, 0); good enough for the versions in pyproject.toml."""
    numbers = []
    for word in version.split("+")[0].split("."):
        digits = word[: next((i for i, letter in enumerate(word) if not letter.isdigit()), len(word))]
        if not digits:
            break
        numbers.append(int(digits))
    return tuple(numbers)


def check_torch() -> None:
    """torch and torchvision are builds that belong together: an operator of torchvision runs."""
    try:
        torch = importlib.import_module("torch")
        kept = _nms()(torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.ones(1), 0.5).tolist()
    except Exception as error:
        raise Trouble(
            f"{_said(error)}. A CPU build of one with a CUDA build of the other does this: "
            f"`pip uninstall torch torchvision` first. {HOW_TO_INSTALL}"
        ) from None
    if kept != [0]:
        raise Trouble(f"an operator of torchvision gave {kept} instead of [0]. {HOW_TO_INSTALL}")


def _nms() -> Callable:
    """torchvision's compiled nms. Loaded by itself where its file is found: all of torchvision takes seconds."""
    found = importlib.util.find_spec("torchvision")
    files = sorted(Path(found.origin).parent.glob("_C*")) if found and found.origin else []
    if not files:
        return importlib.import_module("torchvision.ops").nms
    operators = importlib.import_module("torch").ops
    operators.load_library(str(files[0]))
    return operators.torchvision.nms


def check_renderer() -> None:
    """The toy world draws: the same scene gives what it should."""
    world = importlib.import_module("lecture_utils.world")
    picture = world.sample_scene("elephant", seed=7).render(24)
    if (
        picture.image.shape != (3, 24, 24)
        or not (picture.objects == 1).any()
        or not 0.1 < picture.image.mean() < 0.9
    ):
        raise Trouble(
            "the renderer draws no elephant; `make test` says more. Please report it with your machine's name."
        )


def cache_folders() -> list[Path]:
    """Where numba may keep the compiled renderer, in its own order."""
    if named := os.environ.get("NUMBA_CACHE_DIR"):
        return [Path(named)]
    beside = ROOT / "lecture_utils/world/__pycache__"
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return [beside, Path(home) / "numba"]


def check_cache() -> None:
    """The compiled renderer can be kept: else every notebook compiles it anew."""
    for folder in cache_folders():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                return
        except OSError:
            continue
    raise Trouble(
        f"{' and '.join(str(folder) for folder in cache_folders())} cannot be written, so the renderer is compiled at "
        "every start (15 s). Set the environment variable NUMBA_CACHE_DIR to a folder that can be written."
    )


def check_data() -> None:
    """Every file of data/ is there, and is the one that was made."""
    if problems := importlib.import_module("experiments.manifest").verify_all():
        more = (
            f" And {len(problems) - 1} more: `python -m experiments manifest` lists them."
            if problems[1:]
            else ""
        )
        raise Trouble(f"{problems[0]}.{more}")


def check_weights() -> None:
    """Each net opens with its trained weights and gives finite scores."""
    torch, nets = importlib.import_module("torch"), importlib.import_module("lecture_utils.models")
    for name in nets.NETS:
        try:
            net = nets.load(name)
        except RuntimeError:  # state_dict and module disagree
            raise Trouble(
                f"the weights of {name!r} belong to another version of the net: `git checkout -- data/weights "
                f"lecture_utils/models`, or train it again with `python -m experiments classifier {name}`."
            ) from None
        with torch.no_grad():
            scores = net(torch.full((1, 3, 112, 112), 0.5))
        if not scores.isfinite().all():
            raise Trouble(
                f"the weights of {name!r} give scores that are no numbers: `git checkout -- data/weights`."
            )


def check_jupyter() -> None:
    """Notebooks are shown and can be moved: the widgets of the kernel and of JupyterLab belong together."""
    if wrong := _amiss(shows=True):
        raise Trouble(
            f"{'; '.join(wrong)}. In Colab or VS Code, which show notebooks by themselves, nothing is to be done, but "
            f"pictures without anywidget cannot be dragged. {HOW_TO_INSTALL}"
        )
    widgets, page = importlib.import_module("ipywidgets"), metadata.version("jupyterlab_widgets")
    if _numbers(widgets.__version__)[0] == 8 and _numbers(page)[0] != 3:
        raise Trouble(f"no slider can be shown: ipywidgets 8 needs jupyterlab_widgets 3. {HOW_TO_INSTALL}")


def check_photographs() -> None:
    """The photographs that other packages carry; ours are looked at with the rest of data/. torchvision's weights are
    not looked for: not everybody wants them."""
    photographs = importlib.import_module("lecture_utils.photographs")
    try:
        photographs.open_image(photographs.shipped_file("rocket"))
        theirs = [name for name, row in photographs.table().items() if row["package"]]
        lost = [name for name in theirs if not photographs.shipped_file(name).is_file()]
    except OSError as error:
        lost = [_said(error)]
    if lost:
        raise Trouble(
            f"the toy world works, but not open_lab('imagenet'): no {', '.join(lost)}. {HOW_TO_INSTALL}"
        )


def check_machine() -> None:
    """Two cores and 4 GB are enough."""
    if (found := cores()) < ENOUGH_CORES:
        raise Trouble(
            f"{found} core for this process: everything works, but expect to wait about twice as long."
        )
    if (found := memory()) is not None and found < ENOUGH_MEMORY:
        raise Trouble(f"{found / 1e9:.1f} GB of memory: close other programs, and other notebooks' kernels.")


def check_room() -> None:
    """One more notebook fits into the memory, and what it makes onto the disk."""
    if (free := free_memory()) is not None and free < KERNEL:
        raise Trouble(
            f"{free / 1e9:.1f} GB of memory are free and a notebook takes up to 1.8: shut down the kernels of other "
            "notebooks (in JupyterLab the square with a circle, on the left)."
        )
    if (free := shutil.disk_usage(ROOT).free) < ROOM:
        raise Trouble(f"{free / 1e9:.1f} GB are free on the disk of {ROOT}: make room before you work on.")


def free_memory() -> int | None:
    """Bytes of memory that a new process may take; None where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable"))
    except (OSError, ValueError, StopIteration):
        return None


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory() -> int | None:
    """Bytes of memory in this machine; None where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


HOW_TO_INSTALL = (
    "Run `make install` or `python tools/install.py` in the repository's folder "
    "(with conda: `conda env update -f environment.yml`)."
)
CHECKS = (
    ("Python 3.11 or newer", check_python, True),
    ("the packages of pyproject.toml, in their versions", check_packages, True),
    ("torch and torchvision belong together", check_torch, True),
    ("the toy world draws", check_renderer, True),
    ("the compiled renderer can be kept", check_cache, False),
    ("the files in data/ are whole", check_data, True),
    ("the nets open with their weights", check_weights, True),
    ("JupyterLab and its sliders", check_jupyter, False),
    ("the photographs", check_photographs, False),
    ("two cores and 4 GB of memory", check_machine, False),
    ("room for one more notebook", check_room, False),
)

if __name__ == "__main__":
    sys.exit(0 if report() else 1)
