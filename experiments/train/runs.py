"""What the long trainings share: a checkpoint to go on from."""

import json
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, is_dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch

from lecture_utils.progress import progress
from lecture_utils.store import cache_dir


def place(name: str, folder: Path | None = None) -> Path:
    """Where the training `name` keeps its checkpoint; in `folder` if one is given."""
    return (folder or cache_dir() / "runs" / name) / "checkpoint.pt"


def keep(path: Path, settings, **parts) -> None:
    """Write a checkpoint, whole or not at all.

    settings: everything that decides the result, a dataclass or a dict that JSON can hold.
    parts: nets and optimisers (whatever has a `state_dict`), a `torch.Generator`, tensors, and plain numbers, texts,
    lists and dicts of them, each under its name.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    states = {name: _state(part) for name, part in parts.items()}
    torch.save({"settings": _settings(settings), "parts": states}, temporary)
    temporary.replace(path)


def resume(path: Path, settings, **parts) -> dict | None:
    """Put a checkpoint back: into the nets, optimisers and generators of `parts`; the rest is the result.

    The result holds by name what `keep` was given and `parts` does not name; None where there is no checkpoint.
    Errors: ValueError if the checkpoint is of another training, is damaged or lacks a part.

    >>> keep(path, recipe, net=net, optimiser=optimiser, log=[0.5])
    >>> resume(path, recipe, net=net, optimiser=optimiser)
    {'log': [0.5]}
    """
    path = Path(path)
    if not path.exists():
        return None
    try:
        found = torch.load(path, weights_only=True)
        known, states = found["settings"], dict(found["parts"])
    except Exception as error:  # a file cut short fails in many ways
        raise ValueError(f"the checkpoint {path} is damaged: add --restart to begin anew") from error
    if known != _settings(settings):
        raise ValueError(f"the checkpoint {path} is of another training: add --restart to begin anew")
    missing = [name for name in parts if name not in states]
    if missing:
        raise ValueError(f"the checkpoint {path} has no {', '.join(missing)}: add --restart to begin anew")
    for name, part in parts.items():
        state = states.pop(name)
        part.set_state(state) if isinstance(part, torch.Generator) else part.load_state_dict(state)
    return states


def side_by_side(work, jobs: list[tuple], at_once: int, label: str) -> None:
    """Call work(*job) for every job with a progress bar, `at_once` at a time, each in a process of its own.

    One at a time needs no other process. An error or Ctrl-C ends it: nothing new begins, the error is raised here.
    """
    with progress(label=label, total=len(jobs)) as bar:
        if at_once == 1:
            for job in jobs:
                work(*job)
                bar.update()
            return
        with ProcessPoolExecutor(at_once, get_context("spawn")) as pool:
            try:
                for done in as_completed([pool.submit(work, *job) for job in jobs]):
                    done.result()
                    bar.update()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise


def _state(part):
    if isinstance(part, torch.Generator):
        return part.get_state()
    return part.state_dict() if hasattr(part, "state_dict") else _plain(part)


def _plain(part):
    """The same without numpy's numbers, which a checkpoint could not be read back with."""
    if isinstance(part, dict):
        return {name: _plain(value) for name, value in part.items()}
    if isinstance(part, list | tuple):
        return type(part)(_plain(value) for value in part)
    return part.item() if isinstance(part, np.generic) else part


def _settings(settings) -> str:
    return json.dumps(asdict(settings) if is_dataclass(settings) else settings, sort_keys=True)
