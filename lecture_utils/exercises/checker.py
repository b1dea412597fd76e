"""Is an answer right, and if not, why? One line, whatever the student's function does."""

import traceback
from typing import NamedTuple

import numpy as np
import torch

from ..hooks import random_state_kept

SHOWN = 20  # numbers of a tensor that fit into one line
UNKNOWN = "none of the usual mistakes: follow this input through your function by hand"
KINDS = {"float": "numbers with a decimal point", "int": "whole numbers", "bool": "True or False"}
TYPES = {"bool": (bool, np.bool_), "int": (int, np.integer), "float": (float, np.floating)}


class Verdict(NamedTuple):
    """passed: True, False, or None for not attempted. line: what the student reads. cause: that of a listed mistake.
    images: (expected, yours), two maps (h, w), of the exercises whose answer is a picture.
    """

    passed: bool | None
    line: str
    cause: str | None = None
    images: tuple | None = None


class Outcome(NamedTuple):
    """What a function did with one input. fault: a sentence, or None if a value of the right form came back."""

    value: torch.Tensor | None
    fault: str | None = None
    general: bool = False  # the fault needs no cause: it names what to do itself


def judge(exercise, function) -> Verdict:
    """Try a function on every input of an exercise, the smallest first, and compare with the oracle's answers.

    Nothing is changed: each call gets fresh copies, and the random state is put back.
    """
    if not callable(function):
        what, call = _article(type(function).__name__), f'check("{exercise.number}", {exercise.name})'
        return Verdict(False, f"{exercise.number} · give check the function itself, {call}, not {what}")
    try:
        with random_state_kept():
            verdict = _verdict(exercise, function)
    except NotImplementedError:
        line = f"not attempted yet. Write {exercise.name} in the cell above, then run both cells again."
        verdict = Verdict(None, line)
    return verdict._replace(line=f"{exercise.number} · {verdict.line}")


def _verdict(exercise, function):
    """The likely cause is that of the listed mistake which does the same as `function` on *every* input; where none
    does, the line says so instead of guessing.
    """
    cases = exercise.cases()
    wanted = [exercise.oracle(**case) for case in cases]
    outcomes = list(map(_outcome, [function] * len(cases), cases, wanted))
    wrong = [n for n, o in enumerate(outcomes) if o.fault or not _same(exercise, o.value, wanted[n])]
    if not wrong:
        return Verdict(True, f"right! {_praise(exercise, cases, wanted[0])}")
    verdict = _wrong(exercise, cases, wanted, outcomes, wrong[0])
    return verdict._replace(images=_images(exercise, [(wanted[n], outcomes[n].value) for n in wrong]))


def _wrong(exercise, cases, wanted, outcomes, n):
    """The verdict on a function that fails for case n first."""
    case, answer, first = cases[n], wanted[n], outcomes[n]
    line = f"not yet. For {describe(case)}: {first.fault or _difference(exercise, answer, first.value)}"
    if first.general:
        return Verdict(False, line)
    for cause, source in exercise.mistakes.items():
        theirs = map(_outcome, [exercise.run(source)] * len(cases), cases, wanted)
        if all(_alike(exercise, *pair) for pair in zip(outcomes, theirs, strict=True)):
            return Verdict(False, f"{line}. Likely cause: {cause}", cause)
    return Verdict(False, f"{line}. Likely cause: {UNKNOWN}")


def _images(exercise, pairs):
    """The largest map that is wrong, expected and got; None where the answer is no picture or has another shape."""
    pairs = [pair for pair in pairs if pair[1] is not None] if exercise.picture else []
    if not pairs:
        return None
    maps = [
        each.double().reshape(-1, *each.shape[-2:]) for each in max(pairs, key=lambda pair: pair[0].numel())
    ]
    apart = (maps[0] - maps[1]).abs().amax((1, 2))
    return tuple(each[apart.argmax()] for each in maps)


def _praise(exercise, cases, wanted):
    values = [value for case in cases for value in case.values()]
    tensors = [each for value in values for each in (value if isinstance(value, list) else [value])]
    biggest = max((t for t in tensors if isinstance(t, torch.Tensor)), key=torch.Tensor.numel)
    how = f"within {exercise.tolerance:g}" if _kind(wanted) == "float" else "exactly"
    checked = f"Checked on {len(cases)} inputs, up to shape {tuple(biggest.shape)}"
    return f"{exercise.praise} {checked}, against {exercise.against}, {how}."


def _outcome(function, case, wanted):
    """Call a function with copies of the inputs, by position. NotImplementedError passes through."""
    mine = {name: _copy(value) for name, value in case.items()}
    try:
        value = function(*mine.values())
    except NotImplementedError:
        raise
    except Exception as error:  # whatever a student's function raises becomes one line
        return Outcome(None, _raised(error), True)
    if wrong := _form(value, wanted):
        return wrong
    for name in case:
        if not _equal(mine[name], case[name]):
            advice = f"write {name} = {name} / 2, say, not {name} /= 2; or work on a .clone()"
            return Outcome(None, f"your function changes its input {name} in place: {advice}", True)
    return Outcome(_tensor(value))


def _copy(value):
    """A tensor, or each of a list, that may be spoiled."""
    if isinstance(value, list):
        return [_copy(each) for each in value]
    return value.clone() if isinstance(value, torch.Tensor) else value


def _equal(now, before):
    if isinstance(before, list):
        return len(now) == len(before) and all(map(_equal, now, before))
    return not isinstance(before, torch.Tensor) or torch.equal(now, before)


def _raised(error):
    """Type, message and line of an exception, in one line."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "site-packages" not in f.filename]
    where = f" at `{frames[-1].line}`" if len(frames) > 1 and frames[-1].line else ""  # frame 0 is _outcome
    text = " ".join(str(error).split())
    return f"your function raised {type(error).__name__}{where}: {text[:200]}"


def _tensor(value):
    return value.detach().cpu() if isinstance(value, torch.Tensor) else torch.as_tensor(value)


def _kind(value):
    """ "bool", "int", "float", or None for anything else."""
    if not isinstance(value, torch.Tensor):
        return next((kind for kind, types in TYPES.items() if isinstance(value, types)), None)
    if value.is_complex():
        return None
    return "float" if value.is_floating_point() else "bool" if value.dtype == torch.bool else "int"


def _form(value, wanted):
    """The Outcome for a value of the wrong type, shape or kind, or with NaN; None if its form is right."""
    number, is_tensor = not isinstance(wanted, torch.Tensor), isinstance(value, torch.Tensor)
    if value is None:
        return Outcome(None, "your function returned None: does it end with return?", True)
    if number and is_tensor and value.ndim:
        return Outcome(None, f"expected one number, got a tensor of shape {tuple(value.shape)}")
    kind, asked = _kind(value), _kind(wanted)
    if kind is None or not (number or is_tensor):
        what = "one number" if number else "a torch tensor"
        return Outcome(None, f"expected {what}, got {_article(type(value).__name__)}", True)
    if not number and value.shape != wanted.shape:
        return Outcome(None, f"expected shape {tuple(wanted.shape)}, got {tuple(value.shape)}")
    if kind != asked and not (number and {kind, asked} == {"int", "float"}):
        got = value.dtype if is_tensor else type(value).__name__
        return Outcome(None, f"expected {KINDS[asked]}, got {got}", True)
    if bad := int((~torch.isfinite(_tensor(value))).sum()):
        cause = "a division by 0, a log of 0, or too large an exp?"
        return Outcome(
            None, f"got NaN or infinity in {bad} of {_tensor(value).numel()} numbers: {cause}", True
        )
    return None


def _article(name):
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _aligned(exercise, value, reference):
    """The value, each of its columns with the sign that brings it nearer to the reference, if signs are free."""
    if not exercise.signs or value.shape != reference.shape:
        return value
    return value * torch.where((value * reference).sum(0) < 0, -1.0, 1.0)


def _same(exercise, value, wanted):
    wanted = _tensor(wanted)
    value, tolerance = _aligned(exercise, value, wanted), exercise.tolerance
    near = value.shape == wanted.shape
    return near and torch.allclose(value.double(), wanted.double(), rtol=tolerance, atol=tolerance)


def _alike(exercise, one, other):
    """Two outcomes that say the same about the function."""
    if one.fault or other.fault:
        return one.fault == other.fault
    return _same(exercise, one.value, other.value)


def _difference(exercise, wanted, value):
    """ "expected ..., got ...": all numbers if they are few, else the first that differs."""
    wanted = _tensor(wanted)
    value = _aligned(exercise, value, wanted)
    if wanted.numel() <= SHOWN:
        return f"expected {show_value(wanted)}, got {show_value(value)}"
    apart = (value.double() - wanted.double()).abs() > exercise.tolerance * (1 + wanted.double().abs())
    place = tuple(apart.nonzero()[0].tolist())
    return f"expected {show_value(wanted[place])} at {list(place)}, got {show_value(value[place])}"


def describe(case):
    """Inputs in one line: small tensors in full, larger ones by their shape."""
    return ", ".join(f"{name} = {show_value(value)}" for name, value in case.items())


def show_value(value):
    """A number, a tensor or a list of them, short."""
    if isinstance(value, list):
        return "[" + ", ".join(map(show_value, value)) + "]"
    if not isinstance(value, torch.Tensor):
        return f"{value:.4g}" if isinstance(value, float) else repr(value)
    if value.numel() > SHOWN:
        alike = bool((value == value.flatten()[0]).all())
        numbers = f"only {show_value(value.flatten()[0].item())}" if alike else "random numbers"
        return f"{numbers} of shape {tuple(value.shape)}"
    return show_value(value.tolist())
