"""What an exercise is, and the three functions that a student calls: `check`, `hint`, `solution`."""

import inspect
import re
from dataclasses import dataclass, field
from importlib import import_module
from pkgutil import iter_modules

from ..checks import near_miss
from .judge import describe, judge, show_value

HOME = __package__
_given = {}  # {number: how many hints the student has seen}


@dataclass
class Exercise:
    """One exercise. Its functions are added by the decorators below, in the module of its notebook.

    number: "01.1", the notebook and the place in it. difficulty: 1 to 5. minutes: int.
    trains: what it is good for, one line. against: the checker's oracle, as the praise names it.
    tolerance: the largest difference that passes, absolute and relative. signs: columns may change sign.
    praise: what a right answer has, one line. hints: in the order in which they are given.
    """

    number: str
    title: str
    difficulty: int
    minutes: int
    trains: str
    against: str
    praise: str
    hints: tuple[str, ...]
    tolerance: float = 1e-4
    signs: bool = False
    blank: object = None
    answer: object = None
    oracle: object = None
    cases: object = None
    mistakes: dict = field(default_factory=dict)  # {function: the likely cause that its message names}

    def stub(self, function):
        """Decorator: what the student finds, signature and docstring; raises NotImplementedError."""
        self.blank = function
        return function

    def solve(self, function):
        """Decorator: one way to do it."""
        self.answer = function
        return function

    def expect(self, function):
        """Decorator: the oracle, by another formulation or library than the solution."""
        self.oracle = function
        return function

    def inputs(self, function):
        """Decorator: a function that makes the inputs, a list of {argument: value}, the smallest first."""
        self.cases = function
        return function

    def mistake(self, cause):
        """Decorator: a plausible finished answer that is wrong, and the cause to name."""

        def keep(function):
            self.mistakes[function] = cause
            return function

        return keep

    @property
    def name(self):
        """The name of the student's function."""
        return self.blank.__name__

    @property
    def header(self):
        """The first lines of the statement in the notebook."""
        dots = "●" * self.difficulty + "○" * (5 - self.difficulty)
        return (
            f"### Exercise {self.number} · {self.title}\n\n"
            f"{dots} · {self.minutes} minutes · trains: {self.trains}"
        )

    @property
    def example(self):
        """The smallest input and its answer, as the statement in the notebook gives them."""
        smallest = self.cases()[0]
        return f"Example: `{describe(smallest)}` gives `{show_value(self.oracle(**smallest))}`."

    def source(self, function):
        """A function of this exercise as it stands in a notebook: no decorator, the student's name."""
        lines = inspect.getsource(function).rstrip().splitlines()
        first = next(number for number, line in enumerate(lines) if line.startswith("def "))
        return re.sub(r"^def \w+", f"def {self.name}", "\n".join(lines[first:]))


def exercises_of(notebook):
    """The exercises of a notebook, in order: {"01.1": Exercise, ...}. notebook: "01". Empty where it has none."""
    if f"nb{notebook}" not in {module.name for module in iter_modules(import_module(HOME).__path__)}:
        return {}
    module = import_module(f"{HOME}.nb{notebook}")
    found = [value for value in vars(module).values() if isinstance(value, Exercise)]
    return {exercise.number: exercise for exercise in sorted(found, key=lambda exercise: exercise.number)}


def find(number):
    """The exercise of a number such as "01.1". KeyError with near misses."""
    here = exercises_of(str(number).split(".")[0].zfill(2))
    if number not in here:
        modules = sorted(module.name for module in iter_modules(import_module(HOME).__path__))
        every = here or [n for name in modules if name.startswith("nb") for n in exercises_of(name[2:])]
        raise near_miss(number, every, "exercise")
    return here[number]


def check(number, function):
    """Say in one line whether your function does what the exercise asks, and what is wrong if not."""
    print(judge(find(number), function).line)


def hint(number):
    """The next hint for an exercise, and how many are left."""
    hints = find(number).hints
    given = _given.get(number, 0)
    if given == len(hints):
        _given[number] = 0
        print(f'{number} · those were all {given} hints. solution("{number}") shows one way to do it.')
        return
    _given[number] = given + 1
    print(f"{number} · hint {given + 1} of {len(hints)} ({len(hints) - given - 1} left): {hints[given]}")


def solution(number):
    """One way to solve an exercise, as code to read and to run."""
    exercise = find(number)
    print(exercise.source(exercise.answer))
