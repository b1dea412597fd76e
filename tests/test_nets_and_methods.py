"""The pages about nets from elsewhere: the table is that of the results, and every block of code runs as written."""

import re
from importlib.util import find_spec

import pytest
import torch

from experiments.studies import nets_and_methods as study
from lecture_utils import results, store

BLOCKS = re.findall(r"```python\n(.*?)```", (store.ROOT / "docs/your_own_net.md").read_text(), re.DOTALL)


def test_the_page_is_written_from_the_results():
    answers = results.load("nets_and_methods")["answers"]
    assert study.page(answers) == (store.ROOT / study.PAGE).read_text()
    assert tuple(answers) == study.NETS and {len(row) for row in answers.values()} == {18}


@pytest.mark.parametrize("name", ["mobilenet_v3_small", "swin_t", "grey"])
def test_a_net_answers_as_the_results_say(name):
    assert study.row(name) == results.load("nets_and_methods")["answers"][name]


@pytest.mark.parametrize("number", range(5))
def test_the_code_of_the_page_runs_as_written(number):
    if "efficientnet" in BLOCKS[number] and find_spec("efficientnet_lite_pytorch") is None:
        pytest.skip("its two optional packages are not installed")
    scope = {}
    exec(compile(BLOCKS[number], f"block {number} of your_own_net.md", "exec"), scope)
    drawn = [scope[name] for name in ("heat", "gradient", "maps", "class_image") if name in scope]
    assert drawn and all(torch.isfinite(each).all() and each.std() > 0 for each in drawn)
    assert len(BLOCKS) == 5 and len(BLOCKS[number].strip().splitlines()) <= 12
