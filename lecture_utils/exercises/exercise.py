"""What an exercise is, and the three functions that a student calls: `check`, `hint`, `solution`.

An exercise is a card, all that a student may be told, above a function like any other of this package. Its statement
stands in the notebook, with the function's first line and what goes in and comes out; the student writes the body, and
`solution` shows it:

    @Exercise('''
    01.1 · Signed weights become pictures
    against: the checker's oracle, as the praise names it
    praise: what a right answer has
    hint: the first one. Whatever does not fit into a line
        goes on in the next, indented
    hint: the second one
    wrong: what somebody is told whose answer is the solution with this change
        .abs().max() -> .max()
    wrong: and whose answer is another one altogether
        return (weights + 0.5).clamp(0, 1)
    ''')
    def my_pictures(weights):

Changes are made one after the other, each wherever it applies; with nothing behind the arrow the text goes. A card may
also say `tolerance: 1e-5`, the largest difference that passes, absolute and relative (otherwise 1e-4), `signs: free`
where columns may change their sign, and `picture: yes` where the answer is an image or a map, which is then shown.
"""

import ast
import inspect
import re
from collections.abc import Callable
from functools import cached_property
from importlib import import_module
from pkgutil import iter_modules

import numpy as np
import torch
from IPython.display import display

from ..checks import near_miss
from .checker import judge

HOME = __package__
_given = {}  # {number: how many hints the student has seen}
_tried = set()  # the numbers of exercises that were attempted


class Exercise:
    """A decorator of its solution, which reads nothing but torch; `expect` then gives it inputs and an oracle.

    title, number, against, praise, hints, tolerance, signs, picture: as the card says.
    """

    def __init__(self, card: str):
        self.title, *entries = re.split(r"\n(?! )", card.strip("\n"))
        told = {"tolerance": ["1e-4"], "signs": ["fixed"], "picture": ["no"]}
        for key, _, text in (entry.partition(": ") for entry in entries):
            told.setdefault(key, []).append(text)
        self._wrong = [text.splitlines() for text in told.pop("wrong")]
        self.hints = tuple(map(_one_line, told.pop("hint")))
        self.against, self.praise = _one_line(*told.pop("against")), _one_line(*told.pop("praise"))
        self.tolerance, self.signs = float(told.pop("tolerance")[-1]), told.pop("signs")[-1] == "free"
        self.picture = told.pop("picture")[-1] == "yes"
        self.number = self.title.split(" ")[0]  # "01.1", the notebook and the place in it
        if told:
            raise ValueError(f"{self.number}: a card has no {' and no '.join(map(repr, told))}")

    def __call__(self, function):
        """Decorator: one way to do it."""
        self.answer, self.name = function, function.__name__
        return self

    def expect(self, inputs: Callable, in_numpy: bool = True):
        """Decorator: the oracle, by another formulation or library than the solution, in numpy and float64.

        inputs: yields the arguments of one input after another (a tuple if several), the smallest first.
        in_numpy: the oracle gets arrays and returns a number, an array or a list; otherwise it is torch's.
        """

        def keep(oracle):
            def of_tensors(*args, **named):
                value = oracle(*map(_array, args), **{name: _array(value) for name, value in named.items()})
                value = np.asarray(value)
                return torch.from_numpy(value) if value.ndim else value.item()

            self.oracle, self._inputs = of_tensors if in_numpy else oracle, inputs
            return oracle

        return keep

    def cases(self) -> list[dict]:
        """The inputs, a new list of {argument: value}."""
        names = inspect.signature(self.answer).parameters
        tuples = [case if isinstance(case, tuple) else (case,) for case in self._inputs()]
        return [dict(zip(names, case, strict=True)) for case in tuples]

    @cached_property
    def _parts(self):
        """The solution's first line, and its body without the docstring."""
        lines = inspect.getsource(self.answer).rstrip().splitlines()
        function = ast.parse("\n".join(lines)).body[0]
        docstring = function.body[0]
        head, body = lines[function.lineno - 1 : docstring.lineno - 1], lines[docstring.end_lineno :]
        return "\n".join(head), "\n".join(body).strip("\n")

    @property
    def solution(self) -> str:
        """One way to do it, as source."""
        return "\n".join(self._parts)

    @cached_property
    def mistakes(self) -> dict[str, str]:
        """{the likely cause that the message names: the wrong answer, as source}, the first match counts."""
        return {cause: self._changed(lines) for cause, *lines in self._wrong}

    def _changed(self, lines):
        """The solution with these lines `old -> new` done, or with these lines as its body."""
        source = self.solution
        edits = [line.strip().partition(" ->") for line in lines if " ->" in line]
        if not edits:
            return "\n".join([self._parts[0], *lines])
        for old, _, new in edits:
            if old not in source:
                raise ValueError(f"{self.number}: {old!r} is not in the solution")
            source = source.replace(old, new.strip())
        return "\n".join(line for line in source.splitlines() if not line.isspace())

    def run(self, source: str) -> Callable:
        """The function that this source defines, as it would in a notebook."""
        notebook = {"torch": torch}
        exec(source, notebook)
        return notebook[self.name]


def _one_line(text):
    return text.replace("\n    ", " ")


def _array(value):
    """A tensor, or each of a list, as an array of its own; floats become float64."""
    if isinstance(value, torch.Tensor):
        return value.to(torch.double if value.is_floating_point() else value.dtype, copy=True).numpy()
    return [_array(each) for each in value] if isinstance(value, list) else value


def uniform(*shape: int, seed: int = 0) -> torch.Tensor:
    """Numbers drawn evenly from [0, 1), the same every time."""
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    """Standard normal numbers, the same every time."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def notebooks() -> list[str]:
    """The numbers of the notebooks that have exercises: ["01", ...]."""
    modules = iter_modules(import_module(HOME).__path__)
    return sorted(module.name[2:] for module in modules if module.name.startswith("nb"))


def exercises_of(notebook: str) -> dict[str, Exercise]:
    """The exercises of a notebook, in order: {"01.1": Exercise, ...}. notebook: "01". Empty where it has none."""
    if notebook not in notebooks():
        return {}
    found = vars(import_module(f"{HOME}.nb{notebook}")).values()
    return {exercise.number: exercise for exercise in found if isinstance(exercise, Exercise)}


def find(number: str) -> Exercise:
    """The exercise of a number such as "01.1". KeyError with near misses."""
    here = exercises_of(str(number).split(".")[0].zfill(2))
    if number not in here:
        raise near_miss(number, here or [n for each in notebooks() for n in exercises_of(each)], "exercise")
    return here[number]


def check(number: str, function: Callable) -> None:
    """Say in one line whether your function does what the exercise asks, and what is wrong if not.

    Where the answer is an image or a map, a wrong one is shown beside what was expected.
    """
    verdict = judge(find(number), function)
    if verdict.passed is not None:
        _tried.add(number)
    print(verdict.line)
    if verdict.images:
        display(_beside(*verdict.images))


def _beside(expected, yours):
    from .. import plots  # only a wrong answer needs matplotlib

    words = {
        "titles": ["expected", "yours", "the difference"],
        "title": "Expected, and what your function gives",
    }
    three = torch.stack([expected, yours, yours - expected]).float()
    return plots.signed_grid(three, **words, caption="Blue is below zero, red above.")


def hint(number: str) -> None:
    """The next hint for an exercise, and how many are left."""
    hints = find(number).hints
    given = _given.get(number, 0)
    if given == len(hints):
        _given[number] = 0
        print(f'{number} · those were all {given} hints. solution("{number}") shows one way to do it.')
        return
    _given[number] = given + 1
    print(f"{number} · hint {given + 1} of {len(hints)} ({len(hints) - given - 1} left): {hints[given]}")


def solution(number: str, peek: bool = False) -> None:
    """One way to solve an exercise, as code to read and to run: after one attempt, or at once with peek=True."""
    exercise = find(number)
    if number in _tried or peek:
        print(exercise.solution)
        return
    advice = f"check it once, right or wrong; solution({number!r}, peek=True) shows it at once"
    print(f"{number} · opens after your first attempt: write {exercise.name}, {advice}.".replace("'", '"'))
