"""The progress bar: counts right, closes always, and leaves nothing in a stored notebook."""

import nbformat
import pytest

from experiments.methods.measures import milliseconds
from lecture_utils.progress import progress, silenced
from tools.run_notebooks import execute


def test_a_loop_gives_every_item_and_counts_it(capsys):
    bar = progress("abc", "letters")
    assert bar.total == 3 and list(bar) == ["a", "b", "c"] and (bar.done, bar.closed) == (3, True)
    shown = capsys.readouterr()
    assert "letters" in shown.err and "0/3" in shown.err
    assert shown.err.split("\r")[-1] == "" and shown.out == ""  # the line is empty again
    assert list(progress((n for n in range(4)), "numbers", total=4)) == [0, 1, 2, 3]
    assert "0/4" in capsys.readouterr().err
    assert list(progress((n for n in range(4)), "unknown")) == [0, 1, 2, 3]


def test_by_hand(capsys):
    with progress(label="steps", total=10) as bar:
        bar.update(3)
        bar.note("loss 0.31")
        bar.update()
        assert (bar.done, bar.bar.n, bar.closed) == (4, 4, False)
        assert "4/10" in str(bar.bar) and "loss 0.31" in str(bar.bar)
    assert bar.closed
    bar.close()  # twice is harmless


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_it_closes_when_the_work_fails(error):
    bar = progress(range(5), "work")
    with pytest.raises(error):
        for item in bar:
            if item == 2:
                raise error
    assert bar.done == 2
    with pytest.raises(error), progress(label="work", total=5) as bar:
        raise error
    assert bar.closed


def test_silenced_it_counts_and_shows_nothing(capsys):
    with silenced():
        bar = progress("abc", "letters")
        assert list(bar) == ["a", "b", "c"] and bar.done == 3 and bar.closed
        bar.note("nothing")
    shown = capsys.readouterr()
    assert shown.err == shown.out == ""
    with pytest.raises(ZeroDivisionError), silenced():
        raise ZeroDivisionError
    assert list(progress("ab", "letters")) == ["a", "b"]
    assert "letters" in capsys.readouterr().err, "after an error, too, bars are shown again"


NOTEBOOK = """
from lecture_utils.progress import progress, _NotebookBar
print("before")
bar = progress(range(7), "rendering")
assert isinstance(bar, _NotebookBar)
for n in bar:
    bar.note(f"item {n}")
assert bar.done == 7 and bar.closed
with progress(label="training", total=3) as bar:
    bar.update(3)
for n in progress(iter([1, 2]), "unknown length"):
    pass
for n in progress(range(9), "left early"):
    break
print("after")
"""


def test_a_notebook_keeps_nothing_of_it(tmp_path):
    path = tmp_path / "bar.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(NOTEBOOK)]), path)
    done = execute(path)  # fails on stderr too
    assert [output.output_type for output in done.cells[0].outputs] == ["stream"]
    assert done.cells[0].outputs[0].text == "before\nafter\n"
    assert "widgets" not in done.metadata


def test_milliseconds_is_a_median():
    calls = []
    assert milliseconds(lambda: calls.append(0), 3) < 1e3 and len(calls) == 3
