"""Explorers moved by a real browser in a real JupyterLab, which the test starts with nobody's settings.

`make test` moves one of our own, with a slider, a choice and a live run; `make test-all` all those of the notebooks.
Of each notebook only the cells tagged `setup` and `explorer` are kept, and run through the page's own menu. An
explorer cell creates an explorer and ends with it; it needs no more than setup cells and earlier explorer cells give.
"""

import re
from math import cos, sin
from pathlib import Path
from statistics import median
from time import monotonic

import nbformat
import pytest
from browser import chromium, jupyterlab
from nbformat.v4 import new_code_cell, new_notebook

NOTEBOOKS = sorted((Path(__file__).resolve().parents[1] / "notebooks").glob("[0-9]*.ipynb"))
OURS = "90_ours.ipynb"
SETUP = """
from time import sleep
from PIL import Image
from lecture_utils.explorers import Choice, Explorer, Slider
from lecture_utils.explorers.board import Tile, held

class Ours(Explorer):
    controls = {"x": Slider(0, 100, 1, "x (px)"), "ink": Choice(("black", "red", "blue"), "ink")}
    hint, arrows = "Drag it", {"x": (1, 0)}
    stops = {"left": {"x": 0, "ink": "black"}, "right": {"x": 100}, "red": {"ink": "red"}, "middle": {"x": 50}}
    def board(self, x, ink):
        sleep(0.4)
        if x == 99:
            raise ZeroDivisionError("not at <99>")
        image = Image.new("RGB", (200, 40), "white")
        image.paste(ink, (0, 0, 100 + x, 40))
        return held(Tile(image), lambda x, *_: {"x": x - 100})
    def sentence(self, x, ink):
        return f"x is {x}, {ink}"
    def live(self, x, ink):
        for n in range(4000):  # minutes: whoever waits for its end has not been heard
            sleep(0.1)
            yield Tile(Image.new("RGB", (100 + n % 100, 40), ink)), f"live, step {n} of 4000"
"""
PYTHON = {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}}
PAUSE = 60_000  # ms that a page may take for what should be quick: the machine may be busy
# A number that stands for the pixels shown; null while they are still being read.
PIXELS = """async image => {
  try { await image.decode() } catch { return null }
  const canvas = document.createElement('canvas')
  canvas.width = image.naturalWidth, canvas.height = image.naturalHeight
  const pen = canvas.getContext('2d')
  pen.drawImage(image, 0, 0)
  let sum = 1
  for (const value of pen.getImageData(0, 0, canvas.width, canvas.height).data) sum = (31 * sum + value) % 1000003
  return sum
}"""
CLOCK = """image => {
  const times = image.times = {inputs: [], pictures: []}
  image.addEventListener('load', () => times.pictures.push(performance.now()))
  for (const kind of ['keydown', 'pointerup', 'mouseup'])
    document.addEventListener(kind, () => times.inputs.push(performance.now()), true)
}"""
WRONG = (  # what a page must not show: a dialog, a notification, an error below a cell
    ".jp-Dialog, .Toastify__toast, [data-mime-type='application/vnd.jupyter.stderr'], "
    "[data-mime-type='application/vnd.jupyter.error'], .jupyter-widgets-error-widget"
)


def tagged(notebook, tag):
    return [cell for cell in notebook.cells if tag in cell.metadata.get("tags", [])]


def reduced(notebook):
    """A new notebook of the setup and explorer cells alone, not yet run."""
    kept = [cell for cell in notebook.cells if {"setup", "explorer"} & set(cell.metadata.get("tags", []))]
    cells = [new_code_cell(cell.source, metadata=cell.metadata) for cell in kept]
    return new_notebook(cells=cells, metadata=notebook.metadata)  # its kernelspec: without one a dialog asks


LIVE = [path for path in NOTEBOOKS if tagged(nbformat.read(path, as_version=4), "explorer")]


class Panel:
    """One explorer in a page: its controls, its picture, its words."""

    def __init__(self, page, box):
        self.page, self.box = page, box
        self.image, self.place = box.locator("img.widget-image"), box.locator("div.widget-label").first
        self.sentence = box.locator(".widget-html-content")
        self.handles, self.lists = box.locator(".noUi-handle"), box.locator("select")
        self.prev, self.next = box.get_by_role("button", name="Prev"), box.get_by_role("button", name="Next")
        self.seen = None  # the pixels and the sentence
        self.image.wait_for(timeout=2 * PAUSE)
        self.image.evaluate(CLOCK)
        self.changed()

    def changed(self):
        """Wait until the pixels and the sentence are not those of before."""
        until = monotonic() + PAUSE / 1000
        while monotonic() < until:
            now = self.image.evaluate(PIXELS), self.sentence.inner_text()
            fresh = self.seen is None or all(a != b for a, b in zip(now, self.seen, strict=True))
            if fresh and now[0] is not None and self.image.get_attribute("title") == now[1]:
                self.seen = now
                return
            self.page.wait_for_timeout(20)
        raise AssertionError(f"the picture or its sentence did not change: {self.seen}")

    def arrow(self, handle):
        """The arrow key that leads away from the nearer end."""
        low, now, high = (float(handle.get_attribute(f"aria-value{part}")) for part in ("min", "now", "max"))
        return "ArrowRight" if now - low <= high - now else "ArrowLeft"

    def between(self):
        return self.place.inner_text().startswith("between stops")

    def times(self):
        """When something was pressed or let go, and when a picture stood there, in ms."""
        return self.image.evaluate("image => image.times")

    def quiet(self, pause=500):
        """Wait until no picture has come for `pause` ms; then the times."""
        count = -1
        while count != (count := len(self.times()["pictures"])):
            self.page.wait_for_timeout(pause)
        return self.times()


class Page:
    """A notebook in a browser, all its cells run; `faults` collects what the browser complains about."""

    def __init__(self, context, address):
        self.page, self.faults = context.new_page(), []
        home = address[: address.index("/lab/") + 1]
        listen, note = self.page.on, self.faults.append
        listen("console", lambda message: message.type == "error" and note(message.text))
        listen("pageerror", lambda error: note(str(error)))
        listen("requestfailed", lambda request: note(f"{request.failure}: {request.url}"))
        listen("response", lambda found: found.status >= 400 and note(f"{found.status}: {found.url}"))
        inside = (home, "blob:", "data:")
        listen("request", lambda request: request.url.startswith(inside) or note(f"outside: {request.url}"))
        self.page.set_default_timeout(PAUSE)
        self.page.goto(address)

    def run_all(self):
        self.page.bring_to_front()
        self.page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()  # earlier, and it asks for a kernel
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_role("menuitem", name="Run All Cells", exact=True).click()

    def panels(self, count):
        """The explorers below the cells, when they are all there."""
        self.page.bring_to_front()
        boxes, wrong = self.page.locator(".jp-OutputArea-output .widget-vbox"), self.page.locator(WRONG)
        boxes.nth(count - 1).or_(wrong.first).first.wait_for(timeout=2 * PAUSE)
        assert wrong.count() == 0, wrong.first.inner_text()
        assert boxes.count() == count
        return [Panel(self.page, boxes.nth(n)) for n in range(count)]


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """A function that opens a notebook in JupyterLab and runs it, once: from a path to its `Page`.

    One after another: a kernel that starts while others work is slow to answer.
    """
    folder, found = tmp_path_factory.mktemp("notebooks"), {}
    for path in LIVE:
        nbformat.write(reduced(nbformat.read(path, as_version=4)), folder / path.name)
    setup = new_code_cell(SETUP, metadata={"tags": ["setup"]})
    ours = new_code_cell("Ours()", metadata={"tags": ["explorer"]})
    nbformat.write(reduced(new_notebook(cells=[setup, ours], metadata=PYTHON)), folder / OURS)
    with chromium(viewport={"width": 1280, "height": 1000}) as context, jupyterlab(folder) as address:

        def open(name):
            if name not in found:
                found[name] = Page(context, address(name))
                found[name].run_all()
                count = len(tagged(nbformat.read(folder / name, 4), "explorer"))
                found[name].explorers = found[name].panels(count)
            found[name].page.bring_to_front()
            return found[name]

        yield open


EVERY = [OURS, *(pytest.param(path.name, marks=pytest.mark.slow) for path in LIVE)]


def every_control_leads_to_pictures_that_are_no_stop(panel):
    for handle in panel.handles.all():
        handle.focus()
        key = panel.arrow(handle)
        for _ in range(6):  # by chance the next value can be another stop
            panel.page.keyboard.press(key)
            panel.changed()
            if panel.between():
                break
        assert panel.between(), panel.place.inner_text()
    for each in panel.lists.all():
        now = each.evaluate("list => list.selectedOptions[0].innerText")
        other = [option for option in each.locator("option").all_inner_texts() if option != now][-1]
        each.select_option(other)
        panel.changed()
        assert panel.between(), panel.place.inner_text()


def it_is_read_aloud(panel):
    """The picture's name is its sentence; every control has its label beside it, and keys move it."""
    role = panel.image.get_attribute("role") or "img"  # "application" where it can be dragged
    assert panel.box.get_by_role(role, name=panel.sentence.inner_text(), exact=True).count() == 1
    assert panel.sentence.get_attribute("aria-live") == "polite"
    labels = panel.box.locator(".widget-hslider .widget-label")
    assert labels.count() == panel.handles.count()
    for label in labels.all():  # its tooltip, too; without one it says "null"
        assert label.inner_text() and label.get_attribute("title") == label.inner_text()
        assert panel.box.get_by_role("slider", name=label.inner_text(), exact=True).count() == 1
    for each in panel.lists.all():
        label = each.evaluate("list => list.labels[0].innerText")
        assert label and panel.box.get_by_role("combobox", name=label, exact=True).count() == 1
    for handle in panel.handles.all():
        assert handle.get_attribute("tabindex") == "0" and handle.get_attribute("role") == "slider"


def next_and_prev_go_through_the_stops(panel):
    panel.next.click()
    panel.changed()
    places = [panel.place.inner_text()]
    count = int(places[0].split(" of ")[1].split(":")[0])
    for _ in range(count - 1):
        panel.next.click()
        panel.changed()
        places.append(panel.place.inner_text())
    assert len(set(places)) == count and all(place.startswith("stop ") for place in places)
    panel.prev.press("Enter")
    panel.changed()
    assert panel.place.inner_text() == places[-2]


def the_mouse_clicks_and_drags(panel):
    for handle in panel.handles.all():
        handle.scroll_into_view_if_needed()
        track = handle.locator("xpath=ancestor::*[contains(@class, 'noUi-target')]").bounding_box()
        spot = handle.bounding_box()
        x, y = spot["x"] + spot["width"] / 2, spot["y"] + spot["height"] / 2
        toward = 1 if x < track["x"] + track["width"] / 2 else -1
        low, high = (float(handle.get_attribute(f"aria-value{end}")) for end in ("min", "max"))
        far = max(0.3, 0.75 / (high - low))  # of the track: at least one value on, where there are few
        ends = track["x"] + 3, track["x"] + track["width"] - 3  # with steps below 1, far can lie outside
        panel.page.mouse.click(min(max(x + toward * far * track["width"], ends[0]), ends[1]), y)
        panel.changed()
        handle.hover()  # waits until it stands still: it glides to where one clicked
        panel.page.mouse.down()
        panel.page.mouse.move(x, y, steps=12)  # whatever the steps, another value than where one clicked
        panel.page.mouse.up()
        panel.changed()
        panel.quiet()
        panel.seen = panel.image.evaluate(PIXELS), panel.sentence.inner_text()


@pytest.mark.parametrize("name", EVERY, ids=lambda name: Path(name).stem)
def test_an_explorer_is_moved_by_keys_buttons_and_the_mouse(opened, name):
    page = opened(name)
    for panel in page.explorers:
        every_control_leads_to_pictures_that_are_no_stop(panel)
        it_is_read_aloud(panel)
        next_and_prev_go_through_the_stops(panel)
        the_mouse_clicks_and_drags(panel)
    assert page.faults == []
    assert page.page.locator(WRONG).count() == 0, page.page.locator(WRONG).first.inner_text()
    counts = page.page.locator(".jp-InputPrompt").all_inner_texts()
    assert all(text.strip("[]: ").isdigit() for text in counts if text.strip()), "every cell has run"


@pytest.mark.slow
@pytest.mark.parametrize("name", EVERY, ids=lambda name: Path(name).stem)
def test_from_a_key_to_the_new_picture(opened, name, record_testsuite_property):
    """The number that `make bench` reports. Here only what a busy machine can keep, too."""
    for number, panel in enumerate(opened(name).explorers, 1):
        handle = panel.handles.first
        handle.focus()
        waits = []
        for _ in range(12):
            panel.quiet(200)
            panel.page.keyboard.press(panel.arrow(handle))  # to and fro where there are few values
            panel.changed()
            times = panel.times()
            waits.append(next(t for t in times["pictures"] if t > times["inputs"][-1]) - times["inputs"][-1])
        record_testsuite_property(f"{Path(name).stem} {number}", f"{median(waits[2:]):.0f}")
        assert median(waits[2:]) < 2000


def test_dragging_leaves_no_queue_and_a_fault_is_shown(opened):
    """An explorer that needs 400 ms a move, dragged over some 60 values: 24 s if it drew them all."""
    from playwright.sync_api import expect

    page = opened(OURS)
    (panel,) = page.explorers
    panel.handles.first.press("Home")
    panel.quiet()
    spot = panel.handles.first.bounding_box()
    x, y = spot["x"] + spot["width"] / 2, spot["y"] + spot["height"] / 2
    track = panel.handles.first.locator("xpath=ancestor::*[contains(@class, 'noUi-target')]").bounding_box()
    panel.page.mouse.move(x, y)
    panel.page.mouse.down()
    panel.page.mouse.move(x + 0.6 * track["width"], y, steps=60)
    panel.page.mouse.up()
    panel.changed()  # on a busy machine the first picture takes a while
    times = panel.quiet()
    assert times["pictures"][-1] - times["inputs"][-1] < 3000
    assert len(times["pictures"]) < 30
    value = panel.handles.first.get_attribute("aria-valuetext")
    assert panel.sentence.inner_text().startswith(f"x is {value},"), "the last value is the one that is drawn"

    for key in ("End", "ArrowLeft"):
        panel.handles.first.press(key)
        panel.quiet()
    expect(panel.sentence).to_have_text("ZeroDivisionError: not at <99>", timeout=PAUSE)
    panel.handles.first.press("ArrowLeft")
    expect(panel.sentence).to_contain_text("x is 98,", timeout=PAUSE)
    assert page.faults == [] and page.page.locator(WRONG).count() == 0


def outline(locator):
    """How thick the line is around what has the focus, "0px" for none."""
    return locator.evaluate(
        "e => getComputedStyle(e).outlineStyle == 'none' ? '0px' : getComputedStyle(e).outlineWidth"
    )


def test_the_picture_follows_keys_and_the_mouse_and_the_stops_are_played(opened):
    from playwright.sync_api import expect

    page = opened(OURS)
    (panel,) = page.explorers
    circle = page.page.locator(".jp-Notebook-ExecutionIndicator")
    assert circle.count() == 0, "it would be drawn anew twice a move"
    image, x = panel.image, panel.handles.first
    for key, value in (
        ("Home", 0),
        ("ArrowRight", 1),
        ("Shift+ArrowRight", 6),
        ("ArrowLeft", 5),
        ("End", 100),
    ):
        image.press(key)
        expect(panel.sentence).to_have_text(
            f"x is {value}, {panel.sentence.inner_text().split()[-1]}", timeout=PAUSE
        )
        expect(x).to_have_attribute("aria-valuetext", f"{value}", timeout=PAUSE)
    assert outline(image) == "3px", "one sees that it has the focus"
    x.press("Home")
    assert outline(x) == "3px"
    panel.quiet()
    spot, before = image.bounding_box(), len(panel.times()["pictures"])
    y = spot["y"] + spot["height"] / 2
    page.page.mouse.move(spot["x"] + 120.5 * spot["width"] / 200, y)
    page.page.mouse.down()
    page.page.mouse.move(spot["x"] + 170.4 * spot["width"] / 200, y, steps=50)
    page.page.mouse.up()
    expect(panel.sentence).to_contain_text("x is 70,", timeout=PAUSE)
    assert len(panel.quiet()["pictures"]) - before < 30, "what is stale is never drawn"
    expect(x).to_have_attribute("aria-valuetext", "70")
    panel.changed()  # seen, so that what comes next is a stop

    assert panel.box.bounding_box()["height"] <= 600
    start = panel.box.get_by_role("button", name="Play the stops, or pause")
    start.click()
    for _ in range(3):
        panel.changed()
        assert not panel.between()
    start.click()
    place = panel.place.inner_text()
    page.page.wait_for_timeout(4000)
    assert panel.place.inner_text() == place, "it pauses"

    whole = panel.box.get_by_role("button", name="Full screen")
    whole.click()
    page.page.wait_for_function("document.fullscreenElement?.classList.contains('explorer')")
    assert panel.image.bounding_box()["width"] > 1000
    whole.click()
    page.page.wait_for_function("!document.fullscreenElement")
    assert page.faults == [] and page.page.locator(WRONG).count() == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", EVERY, ids=lambda name: Path(name).stem)
def test_frames_a_second_of_a_drag(opened, name, record_testsuite_property):
    """To and fro across the picture's places that can be dragged, for three seconds. A busy machine keeps few."""
    for number, panel in enumerate(opened(name).explorers, 1):
        if panel.image.get_attribute("role") != "application":
            continue
        spot, mouse = panel.image.bounding_box(), panel.page.mouse
        before, y = panel.quiet()["pictures"], spot["y"] + spot["height"] * 0.75
        for share in (0.2, 0.5, 0.85):  # an image at the left, a map in the middle, a chart at the right
            mouse.move(spot["x"] + share * spot["width"], y)
            mouse.down()
            until, n = monotonic() + 3, 0
            while monotonic() < until:
                n += 1
                mouse.move(spot["x"] + (share + 0.1 * sin(n / 10)) * spot["width"], y + 20 * cos(n / 10))
                panel.page.wait_for_timeout(8)
            mouse.up()
            found = panel.quiet()["pictures"][len(before) :]
            before = panel.times()["pictures"]
            if len(found) > 1:
                rate = 1000 * (len(found) - 1) / (found[-1] - found[0])
                record_testsuite_property(f"{Path(name).stem} {number} drag", f"{rate:.1f}")
                assert rate > 0.5


def test_a_live_run_can_be_stopped_and_leaves_the_kernel_free(opened):
    """Run live, see a picture, Stop: it stays."""
    from playwright.sync_api import expect

    page = opened(OURS)
    (panel,) = page.explorers
    run, stop = (
        panel.box.get_by_role("button", name=re.compile(word)) for word in ("Run live|working", "Stop")
    )
    steps = re.compile(r"live, step (\d+) of 4000")

    def step():
        return int(steps.search(panel.sentence.inner_text()).group(1))

    expect(stop).to_be_disabled()
    run.click()
    expect(panel.sentence).to_contain_text(steps, timeout=PAUSE)
    panel.changed()
    first = step()
    expect(run).to_be_disabled()
    page.page.wait_for_function(
        "([box, first]) => +/step (\\d+)/.exec(box.innerText)[1] > first",
        arg=[panel.sentence.element_handle(), first],
        timeout=PAUSE,
    )
    stop.click()
    expect(run).to_be_enabled(timeout=PAUSE)
    panel.quiet()
    kept = panel.sentence.inner_text(), panel.image.evaluate(PIXELS)
    assert first < step() < 2000, "stopped on the way"
    page.page.wait_for_timeout(1500)
    assert (panel.sentence.inner_text(), panel.image.evaluate(PIXELS)) == kept, "the last image stays"
    assert page.faults == [] and page.page.locator(WRONG).count() == 0
