"""Random misuse of all public functions, from a fixed seed: see `tests.fuzz`."""

import pytest

from tests import fuzz

CALLS = 330  # of each module


@pytest.mark.parametrize("module", fuzz.MODULES)
def test_misuse_is_answered_by_a_sentence(module):
    assert not fuzz.broken(module), "tests/fuzz_values.py does not fit the functions any more"
    worst = []
    for name, spoilt, verdict, what in fuzz.calls(module, 0, CALLS):
        if verdict in ("deep", "silent"):
            worst.append(f"{verdict} {module}.{name}({spoilt}): {what}")
    assert not worst
