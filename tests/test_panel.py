"""The live run of a panel: in turns, it hears Stop between them, keeps the last picture, and shows what went wrong."""

import asyncio
from itertools import islice

import pytest
from PIL import Image

from lecture_utils.explorers import Explorer, Slider
from lecture_utils.explorers.board import Tile
from lecture_utils.explorers.panel import BREATH, Panel


def grey(level):
    return Tile(Image.new("RGB", (8, 8), 3 * (level,)))


class Counts(Explorer):
    """Counts to `last`, a picture each; 13 brings bad luck."""

    controls = {"last": Slider(0, 20, 1, "count to")}
    stops = {"three": {"last": 3}, "twenty": {"last": 20}}
    closed = 0

    def board(self, last):
        return grey(last)

    def sentence(self, last):
        return f"a picture of {last}"

    def live(self, last):
        try:
            for number in range(1, last + 1):
                if number == 13:
                    raise ArithmeticError("13 <is> unlucky")
                yield grey(10 * number), f"counted to {number}"
        finally:
            self.closed += 1


def parts(explorer):
    """Inputs, the two buttons of the live run, image, sentence."""
    _, inputs, run, image, text = explorer.widget().children
    return inputs.children, *run.children, image, text


async def breathe(times):
    await asyncio.sleep(times * BREATH)


def counting(test):
    """The test in an event loop, with an explorer that has been asked to count to 12, and its parts."""

    async def begun():
        explorer = Counts()
        (last,), run, stop, image, text = parts(explorer)
        last.value = 12
        run.click()
        assert text.value == "a picture of 12", "the click itself does not wait for a picture"
        assert run.description == "working ..."
        await breathe(3)
        await test(explorer, last, run, stop, image, text)

    return lambda: asyncio.run(begun())


def test_without_an_event_loop_a_click_runs_to_the_end():
    explorer = Counts()
    _, run, stop, image, text = parts(explorer)
    assert (run.description, stop.description) == ("Run live", "Stop")
    assert not run.disabled and stop.disabled and text.value == "a picture of 3"
    run.click()
    assert text.value == image.tooltip == "counted to 3" and explorer.closed == 1
    assert image.value == explorer.packed(grey(30))
    assert not run.disabled and stop.disabled


@counting
async def test_stop_is_heard_between_two_turns_and_the_picture_stays(explorer, last, run, stop, image, text):
    assert run.disabled and not stop.disabled
    stop.click()
    kept, said = image.value, text.value
    assert run.description == "Run live"
    assert said.startswith("counted to ") and said != "counted to 12"
    assert not run.disabled and stop.disabled and explorer.closed == 1
    await breathe(20)
    assert (image.value, text.value) == (kept, said)
    run.click()
    await breathe(40)
    assert text.value == "counted to 12" and explorer.closed == 2


@counting
async def test_a_control_that_moves_ends_the_run(explorer, last, run, stop, image, text):
    last.value = 5
    assert text.value == "a picture of 5" and stop.disabled and explorer.closed == 1
    await breathe(10)
    assert text.value == "a picture of 5"


@counting
async def test_a_second_click_begins_again_and_does_not_run_twice(explorer, last, run, stop, image, text):
    run.click()
    await breathe(1)
    early = int(text.value.split()[-1])
    assert explorer.closed == 1 and early < 5
    await breathe(3)
    assert int(text.value.split()[-1]) < early + 6, "one run, not two in turn"
    assert run.disabled and not stop.disabled, "the second run goes on when the first has ended"
    stop.click()


@pytest.mark.parametrize("kind", [ArithmeticError, KeyboardInterrupt])
def test_an_error_ends_the_run_and_is_shown(kind):
    class Unlucky(Counts):
        def live(self, last):
            yield from islice(super().live(last), 11)
            raise kind("13 <is> unlucky")

    (last,), run, stop, image, text = parts(Unlucky())
    last.value = 14
    run.click()
    assert f"{kind.__name__}</b>: 13 &lt;is&gt; unlucky" in text.value
    assert image.tooltip == "counted to 11" and not run.disabled and stop.disabled


def test_a_stop_is_known_again_when_the_page_rounds_a_step():
    """Browsers send -1.6249999999999998 for -1.625 when a slider's steps begin at -4."""

    class Steps(Explorer):
        controls = {"x": Slider(-4.0, 4.0, 0.125, "x")}
        stops = {"middle": {"x": 0.0}, "left": {"x": -1.625}}

        def board(self, x):
            return grey(0)

        def sentence(self, x):
            return f"{x}"

    panel = Panel(Steps())
    panel.inputs["x"].value = -1.6249999999999998
    assert panel.values() == {"x": -1.625}
    assert panel.where.value == "stop 2 of 2: left"
