"""Checkers pass what is right, name each typical mistake by its own cause, and guess at nothing."""

import itertools
import random
import re
from time import process_time

import numpy as np
import pytest
import torch

from lecture_utils import exercises
from lecture_utils.exercises import exercise as module, find
from lecture_utils.exercises.checker import UNKNOWN, judge
from lecture_utils.exercises.exercise import Exercise, notebooks, uniform

ALL = [exercise for notebook in notebooks() for exercise in exercises.exercises_of(notebook).values()]
each = pytest.mark.parametrize("exercise", ALL, ids=lambda exercise: exercise.number)


def blank(*args):
    raise NotImplementedError


def says(exercise, function):
    """The verdict on a function, which must be one line that begins with the exercise's number."""
    verdict = judge(exercise, function)
    assert verdict.line.startswith(f"{exercise.number} · ") and "\n" not in verdict.line
    return verdict


@each
def test_the_solution_passes_within_two_seconds_and_the_blank_is_not_attempted(exercise):
    assert says(exercise, exercise.answer).passed is True  # also imports what the oracle needs
    start = process_time()  # of this process: other work on the machine does not count
    verdict = says(exercise, exercise.run(exercise.solution))  # as pasted, with torch alone
    assert process_time() - start < 2
    assert verdict.passed and exercise.praise in verdict.line and exercise.against in verdict.line
    verdict = says(exercise, blank)
    assert verdict.passed is None and "not attempted yet" in verdict.line


@each
def test_every_mistake_fails_with_its_own_message(exercise):
    lines = set()
    for cause, source in exercise.mistakes.items():
        verdict = says(exercise, exercise.run(source))
        assert verdict.passed is False and verdict.cause == cause, verdict.line
        assert re.search(r" For .+: expected .+, got .+", verdict.line)
        lines.add(verdict.line)
    assert len(lines) == len(exercise.mistakes) == len(set(exercise.mistakes.values())) >= 3


@each
def test_one_number_that_is_off_fails_and_no_cause_is_guessed(exercise):
    """The last number of the answer, or the only one by five times the tolerance."""

    def off(*args):
        value = exercise.answer(*args)
        if not isinstance(value, torch.Tensor) or not value.ndim:
            return value * (1 + 5 * exercise.tolerance)
        flat = value.clone().flatten()
        flat[-1] = ~flat[-1] if value.dtype == torch.bool else flat[-1] + 1
        return flat.view(value.shape)

    verdict = says(exercise, off)
    assert verdict.passed is False and verdict.cause is None and verdict.line.endswith(UNKNOWN)


# The inputs tell answers apart, and the oracle knows more than them.


def other(value):
    """Another value of the same form: tensors are reversed and shrunk, numbers larger, words exchanged."""
    if isinstance(value, list):
        return [other(one) for one in value]
    if isinstance(value, torch.Tensor):
        return value.flatten().flip(0).view(value.shape) * (0.7 if value.is_floating_point() else 1)
    if isinstance(value, str):
        return {"A": "B", "B": "A", "inf": "2", "2": "inf"}[value]
    return (value[0] + 1, *value[1:]) if isinstance(value, tuple) else value + 1


@each
def test_every_argument_counts(exercise):
    for place, name in enumerate(exercise.cases()[0]):

        def with_another(*args, place=place):
            return exercise.answer(*args[:place], other(args[place]), *args[place + 1 :])

        assert says(exercise, with_another).passed is False, name


@each
def test_the_oracle_and_the_solution_agree_on_fresh_random_inputs(exercise):
    def fresh(value, seed):
        if isinstance(value, list):
            return [fresh(one, seed) for one in value]
        floating = isinstance(value, torch.Tensor) and value.is_floating_point()
        return value * (1 - 0.3 * uniform(*value.shape, seed=seed)) if floating else value

    for case, seed in itertools.product(exercise.cases(), range(3)):
        case = {name: fresh(value, seed) for name, value in case.items()}
        found, wanted = (torch.as_tensor(f(**case)).double() for f in (exercise.answer, exercise.oracle))
        if exercise.signs:
            found, wanted = found.abs(), wanted.abs()
        torch.testing.assert_close(found, wanted, atol=exercise.tolerance, rtol=exercise.tolerance)


@each
def test_the_inputs_are_the_same_each_time_and_the_smallest_come_first(exercise):
    torch.manual_seed(1)
    once, cases = str(exercise.cases()), exercise.cases()
    torch.manual_seed(2)
    assert str(exercise.cases()) == once
    sizes = [sum(v.numel() for v in case.values() if isinstance(v, torch.Tensor)) for case in cases]
    assert sizes[0] == min(sizes) and max(sizes[:2]) <= 60


# What an exercise is made of: a small one by hand.


@Exercise("""
99.1 · Half
against: y
praise: Half.
hint: Divide,
    by 2.
hint: That was all.
wrong: doubled
    x / -> x *
wrong: one more
    two = 2  # why ->
    return x / two -> one = 1; return x / 2 + one
wrong: nothing
    zero = 0
    return zero * x
""")
def my_half(x):
    """Half of x: (n,)."""
    two = 2  # why
    return x / two


my_half.expect(lambda: [torch.tensor([2.0]), torch.arange(3.0)])(lambda x: x * 0.5)


def test_solution_and_wrong_answers_are_made_of_one_function():

    assert my_half.solution == "def my_half(x):\n    two = 2  # why\n    return x / two"
    assert my_half.mistakes == {
        "doubled": "def my_half(x):\n    two = 2  # why\n    return x * two",
        "one more": "def my_half(x):\n    one = 1; return x / 2 + one",
        "nothing": "def my_half(x):\n    zero = 0\n    return zero * x",
    }
    assert my_half.hints == ("Divide, by 2.", "That was all.") and my_half.tolerance == 1e-4

    right = "99.1 · right! Half. Checked on 2 inputs, up to shape (3,), against y, within 0.0001."
    assert judge(my_half, lambda x: x / 2).line == right
    wrong = "99.1 · not yet. For x = [2]: expected [1], got [4]. Likely cause: doubled"
    assert judge(my_half, lambda x: x + x).line == wrong


@pytest.mark.parametrize(
    ("line", "message"),
    [("wrong: a\n    x ** -> x *", "99.2: 'x \\*\\*' is not in the solution"), ("hnit: a", "no 'hnit'")],
)
def test_a_card_with_an_error_says_so(line, message):
    card = f"99.2 · a\nagainst: c\npraise: d\nhint: e\nwrong: f\n    return x\n{line}"
    with pytest.raises(ValueError, match=message):
        _ = Exercise(card)(my_half.answer).mistakes


# Whatever a function does, the student reads one clear line.


def raises(*args):
    raise RuntimeError("no\nluck")


def nothing(*args):
    pass


@pytest.mark.parametrize("exercise", [find("02.2"), find("05.3"), find("01.3"), find("12.1")])
def test_broken_answers_get_their_own_line(exercise):
    wanted = exercise.oracle(**exercise.cases()[0])
    number = not isinstance(wanted, torch.Tensor)
    good = exercise.answer

    def nan(*args):
        return torch.full_like(torch.as_tensor(good(*args)).float(), torch.nan)

    expected = {
        nothing: "your function returned None",
        raises: 'your function raised RuntimeError at `raise RuntimeError("no\\nluck")`: no luck',
        lambda: 0: "your function raised TypeError",
        lambda *args: [1.0]: f"expected {'one number' if number else 'a torch tensor'}, got a list",
        lambda *args: torch.zeros(2, 7, 5): "got a tensor of shape (2, 7, 5)" if number else "got (2, 7, 5)",
        lambda *args: torch.as_tensor(good(*args)).to(torch.complex64): "got a Tensor",
        nan: "NaN or infinity" if number or wanted.is_floating_point() else "got torch.float32",
    }
    lines = {says(exercise, function).line for function in expected}
    assert len(lines) == len(expected)
    for function, sentence in expected.items():
        verdict = says(exercise, function)
        assert verdict.passed is False and verdict.cause is None and sentence in verdict.line


@each
def test_an_input_changed_in_place_is_said_though_the_answer_is_right(exercise):
    def careless(*args):
        value = exercise.answer(*args)
        spoiled = args[0][-1] if isinstance(args[0], list) else args[0]
        spoiled += 1
        return value

    name = next(iter(exercise.cases()[0]))
    assert f"changes its input {name} in place" in says(exercise, careless).line


def test_other_accidents_are_said_and_ctrl_c_is_not_swallowed():
    def consumes(batches):
        dead = find("01.3").answer(batches)
        batches.clear()
        return dead

    def interrupted(*args):
        raise KeyboardInterrupt

    assert "changes its input batches" in says(find("01.3"), consumes).line
    assert 'check("01.1", my_pictures), not a Tensor' in says(find("01.1"), torch.zeros(3)).line
    with pytest.raises(KeyboardInterrupt):
        judge(find("01.1"), interrupted)


@pytest.mark.parametrize("fails", [False, True])
def test_the_random_state_is_as_before(fails):
    def restless(x):
        torch.manual_seed(5), np.random.seed(5), random.seed(5)
        if fails:
            raise RuntimeError
        return x / 2

    def state():
        return torch.get_rng_state().tolist(), np.random.get_state()[1].tolist(), random.getstate()

    before = state()
    assert judge(my_half, restless).passed is not fails
    assert state() == before


# check, hint and solution, as a student calls them.


def test_a_solution_opens_after_one_attempt_or_at_a_wish(capsys, monkeypatch):
    monkeypatch.setattr(module, "_tried", set())

    def said(call, *args, **how):
        assert call(*args, **how) is None
        return capsys.readouterr().out.strip()

    source, refused = find("02.2").solution, "02.2 · opens after your first attempt: write "
    assert said(exercises.solution, "02.2").startswith(refused + find("02.2").name)
    assert said(exercises.solution, "02.2", peek=True) == source
    assert said(exercises.check, "02.2", blank) == judge(find("02.2"), blank).line
    assert said(exercises.solution, "02.2").startswith(refused)  # a blank is no attempt, nor is a peek
    assert said(exercises.check, "02.2", nothing) == judge(find("02.2"), nothing).line
    assert said(exercises.solution, "02.2") == source


def test_a_wrong_map_is_shown_beside_the_one_expected(monkeypatch):
    shown = []
    monkeypatch.setattr(module, "display", shown.append)
    exercise = find("04.1")
    exercises.check("04.1", exercise.answer)
    exercises.check("04.1", nothing)  # has no form that could be drawn
    assert shown == []
    exercises.check("04.1", lambda *case: exercise.answer(*case) + 1)
    (picture,) = shown
    tiles = [axes.images[0].get_array() for axes in picture.figure.axes[:3]]
    assert tiles[0].shape == tuple(exercise.oracle(**exercise.cases()[-1]).shape)
    np.testing.assert_allclose(tiles[1] - tiles[0], np.ones(tiles[0].shape), atol=1e-5)
    assert [axes.get_title() for axes in picture.figure.axes[:3]] == ["expected", "yours", "the difference"]


def test_hints_come_in_order_end_and_begin_again_each_exercise_by_itself(capsys, monkeypatch):
    monkeypatch.setattr(module, "_given", {})
    exercises.hint("01.2")
    capsys.readouterr()
    hints = find("02.4").hints
    wanted = [f"02.4 · hint {n} of {len(hints)} ({len(hints) - n} left): {t}" for n, t in enumerate(hints, 1)]
    for _ in range(2):
        for _ in range(len(hints) + 1):
            exercises.hint("02.4")
        *lines, last = capsys.readouterr().out.splitlines()
        assert lines == wanted and f"all {len(hints)} hints" in last and 'solution("02.4")' in last


@pytest.mark.parametrize("number", ["01.9", "1.1", "99.1", 1.1])
def test_an_unknown_number_is_an_error_with_near_misses(number):
    for call in (exercises.hint, exercises.solution, lambda n: exercises.check(n, nothing)):
        with pytest.raises(KeyError, match=r"unknown exercise .*0\d\.\d"):
            call(number)
