"""Exercises with checkers: `check("01.1", my_function)`, `hint("01.1")`, `solution("01.1")`.

One module a notebook (`nb01`, `nb02`, ...) is the home of its exercises: stub, solution, hints, checker, and the
wrong answers that a checker must tell apart; from 07 on its longer ones have a file of their own. `frame` says what an
exercise is, `judge` compares answers.
"""

from .frame import Exercise, check, exercises_of, find, hint, solution

__all__ = ["Exercise", "check", "exercises_of", "find", "hint", "solution"]
