"""Exercises with checkers: `check("01.1", my_function)`, `hint("01.1")`, `solution("01.1")`.

One module a notebook (`nb01`, `nb02`, ...) is the home of its exercises: what is asked, a solution, hints, an oracle,
and the wrong answers that a checker must tell apart. `exercise` says what an exercise is, `checker` compares answers.
A notebook's module is imported when one of its exercises is asked for.
"""

from .exercise import Exercise, check, exercises_of, find, hint, solution

__all__ = ["Exercise", "check", "exercises_of", "find", "hint", "solution"]
