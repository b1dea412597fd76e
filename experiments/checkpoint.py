"""Where a training stands, kept so that the same command goes on and ends with the same weights to the last bit.

On the same kind of CPU, with the same number of threads: with another number a sum is added up in another order.
"""

import json
from dataclasses import asdict, is_dataclass
from pathlib import Path

import numpy as np
import torch

from lecture_utils.store import cache_dir

from .experiment import Refused
from .files import replacing


class Checkpoint:
    """A training's file: its parts, torch's random state, the number of threads, and a few facts.

    settings: everything that decides the result, a dataclass or a dict that JSON can hold; another training's file is
    refused. parts: what changes as the net learns, each under its name: nets and optimisers (what has a `state_dict`),
    random generators of torch and numpy.

    >>> checkpoint = Checkpoint(path, recipe, net=net, optimiser=optimiser, draws=draws)
    >>> log = checkpoint.resume().get("log", [])
    >>> checkpoint.keep(log=log + [0.5])
    """

    def __init__(self, path: Path, settings, **parts):
        self.path, self.parts = Path(path), parts
        settings = asdict(settings) if is_dataclass(settings) else settings
        self.settings = json.loads(json.dumps(settings))  # as they are read back: lists for tuples

    def keep(self, **facts) -> None:
        """Write the file, whole or not at all. facts: tensors, numbers, texts, lists and dicts of them."""
        state = {
            "settings": json.dumps(self.settings),
            "threads": torch.get_num_threads(),
            "torch": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else [],
            "parts": {name: _state(part) for name, part in self.parts.items()},
            "facts": _plain(facts),
        }
        with replacing(self.path) as temporary:
            torch.save(state, temporary)

    def resume(self, restart: bool = False) -> dict:
        """Put the parts and the random state back; the result is the facts, {} where nothing has begun.

        restart: forget the file. Errors: Refused for a file that is damaged or of another training.
        """
        if restart:
            self.path.unlink(missing_ok=True)
        if not self.path.exists():
            return {}
        try:
            state = stored(self.path)
            settings, parts = json.loads(state["settings"]), state["parts"]
        except Exception as error:  # a file cut short fails in many ways
            raise Refused(f"the checkpoint {self.path} is damaged: add --restart to begin anew") from error
        self._compare(settings, parts)
        if state["threads"] != torch.get_num_threads():
            now = torch.get_num_threads()
            print(f"begun with {state['threads']} threads, now {now}: not equal to the last bit")
        for name, part in self.parts.items():
            _put_back(part, parts[name])
        torch.set_rng_state(state["torch"])
        if state["cuda"]:
            torch.cuda.set_rng_state_all(state["cuda"])
        return state["facts"]

    def _compare(self, settings: dict, parts: dict) -> None:
        names = dict.fromkeys([*settings, *self.settings])
        pairs = {name: (settings.get(name), self.settings.get(name)) for name in names}
        changed = [f"{name} {then!r}, now {now!r}" for name, (then, now) in pairs.items() if then != now]
        changed += [f"it has no {name}" for name in self.parts if name not in parts]
        if changed:
            what = f"the checkpoint {self.path} is of another training ({'; '.join(changed)})"
            raise Refused(f"{what}: add --restart to begin anew")


def place(name: str, folder: Path | None = None) -> Path:
    """Where the training `name` keeps its checkpoint; in `folder` if one is given."""
    return (folder or cache_dir() / "runs" / name) / "checkpoint.pt"


def stored(path: Path) -> dict:
    """What a checkpoint holds: {"facts": as they were given, "parts": {name: state}, ...}, on the CPU."""
    return torch.load(path, map_location="cpu", weights_only=True)


def _state(part):
    if isinstance(part, np.random.Generator):
        return json.dumps(part.bit_generator.state)  # its numbers are too large for a tensor
    return part.get_state() if isinstance(part, torch.Generator) else part.state_dict()


def _put_back(part, state) -> None:
    if isinstance(part, np.random.Generator):
        part.bit_generator.state = json.loads(state)
    elif isinstance(part, torch.Generator):
        part.set_state(state)
    else:
        part.load_state_dict(state)


def _plain(fact):
    """The same without numpy's numbers, which could not be read back."""
    if isinstance(fact, dict):
        return {name: _plain(value) for name, value in fact.items()}
    if isinstance(fact, list | tuple):
        return type(fact)(_plain(value) for value in fact)
    return fact.item() if isinstance(fact, np.generic) else fact
