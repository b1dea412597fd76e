"""The canvas: what a pointer and keys on an explorer's picture make of its controls."""

import base64
import io
from time import sleep
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from browser import chromium
from PIL import Image

from lecture_utils import explorers
from lecture_utils.detection import DETR
from lecture_utils.explorers import Choice, Explorer, Slider, board as ui, canvas
from lecture_utils.explorers.canvas import heard
from lecture_utils.explorers.panel import Panel
from lecture_utils.explorers.planes import EDGE
from lecture_utils.explorers.probing import WIDE, _turned
from lecture_utils.explorers.units import PANEL
from tests.detection_cases import crowds
from tests.helpers import blocks
from tests.test_explorers import axes, channels, filters, history, occluder, plane, scores

HEAD, GAP = 26, 6  # px of a line of text 20 px high, and below it


class Dot(Explorer):
    """A black dot on white, 100 x 100 px, below a line of text and beside a tile that nobody can drag."""

    controls = {
        "x": Slider(0, 100, 10, "x (px)"),
        "up": Slider(0.0, 1.0, 0.1, "up"),
        "ink": Choice(("a",), "ink"),
    }
    stops = {"middle": {"x": 50, "up": 0.5, "ink": "a"}, "corner": {"x": 0, "up": 0.0}, "top": {"up": 1.0}}
    hint, arrows = "Drag the dot", {"x": (1, 0), "up": (0, -1)}
    drawn = 0

    def board(self, x, up, ink):
        self.drawn += 1
        if x == 90:
            raise ZeroDivisionError("not at 90")
        image = Image.new("RGB", (100, 100), "white")
        image.paste("black", (x - 2, round(100 - 100 * up) - 2, x + 3, round(100 - 100 * up) + 3))
        tile = ui.held(ui.Tile(image), lambda x, y, *_: {"x": x, "up": 1 - y / 100})
        other = ui.column(ui.Text("what", wide=100), ui.Tile(Image.new("RGB", (100, 100), "white")))
        return ui.row(other, ui.column(ui.Text("what", wide=100), tile))

    def sentence(self, x, up, ink):
        return f"at {x}, {up}"


WHOLE = 214, HEAD + GAP + 100  # px of its board: two tiles, 14 px between


def share(x, y):
    """Shares of the picture where the dot's tile has a place."""
    return (114 + x) / WHOLE[0], (HEAD + GAP + y) / WHOLE[1]


def test_the_board_is_what_this_file_says():
    board = Dot().board(50, 0.5, "a")
    assert (board.wide, board.high) == WHOLE
    assert Dot().render(x=50, up=0.5, ink="a")[HEAD + GAP + 50, 114 + 50].tolist() == [0, 0, 0]


def test_a_drag_sets_the_controls_and_draws_what_is_under_the_pointer():
    panel = Panel(Dot())
    panel.drag(1, share(50, 50), share(50, 50))
    assert panel.values() == {"x": 50, "up": 0.5, "ink": "a"}
    before = panel.explorer.drawn
    panel.drag(1, share(50, 50), share(70, 20))
    assert panel.values() == {"x": 70, "up": 0.8, "ink": "a"}, (
        "two controls, each at the value next to the pointer"
    )
    assert panel.explorer.drawn == before + 1 and panel.text.value == "at 70, 0.8"
    pixels = np.asarray(Image.open(io.BytesIO(panel.image.value)))
    assert pixels[HEAD + GAP + 20, 114 + 70].tolist() == [0, 0, 0], "the dot stands where the pointer is"
    panel.drag(1, share(50, 50), share(71, 21))
    assert panel.explorer.drawn == before + 1, "no step further, nothing is drawn"
    panel.drag(1, share(50, 50), (-3, 7))
    assert panel.values()["x"] == 0 and panel.values()["up"] == 0.0, "far outside it stops at the ends"
    panel.inputs["x"].value = 30
    assert panel.text.value == "at 30, 0.0", "the slider moves it, too"


def test_what_is_under_the_pointer_at_first_is_held_until_the_next_drag():
    panel, other = Panel(Dot()), (50 / WHOLE[0], 80 / WHOLE[1])
    panel.drag(1, other, share(70, 20))
    assert panel.values()["x"] == 50, "the other tile cannot be dragged, wherever the pointer goes"
    panel.drag(2, share(70, 20), other)
    assert panel.values()["x"] == 0, "the dot's tile is held beyond its edge"


@pytest.mark.parametrize(
    ("said", "x", "up"),
    [
        ({"steps": [1, 0]}, 60, 0.5),
        ({"steps": [0, 1]}, 50, 0.4),
        ({"steps": [-5, -5]}, 0, 1.0),
        ({"steps": [2, -1]}, 70, 0.6),
        ({"end": "low"}, 0, 0.5),
        ({"end": "high"}, 100, 0.5),
    ],
)
def test_keys_move_by_steps_and_to_the_ends(said, x, up):
    panel, answers = Panel(Dot()), []
    heard(panel, SimpleNamespace(send=answers.append), said)
    assert panel.values() == {"x": x, "up": up, "ink": "a"} and len(answers) == 1


def test_the_page_gets_its_answer_after_a_fault_too():
    panel, answers = Panel(Dot()), []
    with pytest.raises(ZeroDivisionError):
        heard(panel, SimpleNamespace(send=answers.append), {"steps": [4, 0]})
    assert len(answers) == 1 and "not at 90" in panel.text.value
    panel.drag(1, share(50, 50), share(20, 50))
    assert panel.text.value == "at 20, 0.5", "it can be dragged on from there"


def test_play_goes_through_the_stops_and_a_move_between_them_ends_it():
    panel = Panel(Dot())
    panel.play.playing = True
    panel.play.value = 1
    assert panel.where.value.startswith("stop 2 of 3") and panel.values()["x"] == 0 and panel.play.playing
    panel.go(2)
    assert panel.play.value == 2 and panel.play.playing
    panel.inputs["x"].value = 10
    assert not panel.play.playing


def test_without_anywidget_the_panel_is_as_it_was(monkeypatch):
    head = [type(child).__name__ for child in Panel(Dot()).box.children[0].children]
    assert head == ["Button", "Button", "Play", "Canvas", "Label"]
    monkeypatch.setattr(canvas, "AnyWidget", None)
    panel = Panel(Dot())
    assert [type(child).__name__ for child in panel.box.children[0].children] == [*head[:3], "Label"]
    panel.inputs["x"].value = 30
    assert panel.text.value == "at 30, 0.5"


def test_the_nearest_value_of_a_slider():
    whole, parts = Slider(-10, 11, 3, "n"), Slider(0.05, 0.95, 0.05, "share")
    assert [whole.nearest(n) for n in (-99, -9, -8, 4.4, 99)] == [-10, -10, -7, 5, 11]
    assert [parts.nearest(n) for n in (0, 0.06, 0.14, 0.5, 2)] == [0.05, 0.05, 0.15, 0.5, 0.95]


def test_a_chart_s_value_is_where_it_is_drawn():
    chart = ui.Chart(170, 154, [], (2, 10), (0, 1), ({}, {}), 2, "")
    assert [chart.value(50 + chart.place(x, 0)[0]) for x in (2, 5, 10)] == pytest.approx([2, 5, 10])


def test_the_occluder_s_square_stands_under_the_pointer():
    ours = occluder()
    start = ours.places()[0][2] | {"fill": "black"}
    for tile in blocks(ours.board(**start), ui.Tile)[:2]:
        zoom = tile.wide / 40
        assert tile.grip(12 * zoom, 30 * zoom, 0, 0) == pytest.approx({"x": 12, "y": 30})
    image = blocks(ours.board(**start | {"x": 12, "y": 30}), ui.Tile)[0].image()
    assert max(image.getpixel((round(12 * zoom), round(30 * zoom)))) < 5


def test_half_a_turn_from_side_to_side_and_on_from_behind():
    assert [_turned(0, WIDE / 2), _turned(-90, WIDE / 4), _turned(170, WIDE / 9)] == pytest.approx(
        [90, -45, -170]
    )


def test_a_place_on_the_latent_map_is_its_point():
    ours = plane()
    (x, y), values = ours.place(1.5, -0.75), ours.places()[0][2]
    maps = [tile for tile in blocks(ours.board(**values), ui.Tile) if tile.grip]
    assert len(maps) == 2
    for tile in maps:
        assert tile.grip(EDGE + x, y, 0, 0) == pytest.approx({"across": 1.5, "up": -0.75})


def test_the_score_that_reaches_a_recall():
    ours = scores()
    name = next(iter(ours.classes))
    for recall in (0.1, 0.5, ours.classes[name]["curve"][0][-1]):
        score = ours.reaching(name, recall)
        _, found, _ = ours.point(name, score)
        _, less, _ = ours.point(name, score + 1e-6)
        assert found >= recall > less, "from that score on, and from no higher one"
    assert ours.reaching(name, 0) == 1.0, "no box is needed"


def test_a_unit_is_pointed_at_on_its_map():
    ours = channels()
    _, rows, columns = ours.maps[0].shape
    (heat,) = [tile for tile in blocks(ours.board(channel=3, picture=1), ui.Tile) if tile.grip]
    at = heat.grip((columns - 0.5) * heat.wide / columns, 1.5 * heat.wide / rows, 0, 0)
    assert at == pytest.approx({"row": 1, "column": columns - 1})
    box = ours.look(3, 1, 1, columns - 1)[2]
    assert box == ours.field.boxes(torch.tensor([1, columns - 1])).tolist()
    said = ours.describe(channel=3, picture=1, row=1, column=columns - 1)
    assert said.endswith(f" In row 1, column {columns - 1} it reaches {ours.maps[1, 3, 1, columns - 1]:.1f}.")
    values = ours.maps[1, 3]
    at = int(values[2].argmax())
    assert ours.unit(3, 1, 2, -1) == (2, at), "the strongest of its row"
    assert ours.look(3, 1, 2)[2] == ours.look(3, 1, 2, at)[2] != ours.look(3, 1)[2]
    assert ours.unit(3, 1, -1, 4) == (int(values[:, 4].argmax()), 4)
    assert values[ours.unit(3, 1, -1, -1)] == values.max()


def test_each_step_of_a_unit_s_row_or_column_is_seen_where_its_channel_is_inactive_too():
    ours = channels()
    ours.maps[1, 3] = 0
    start = {"channel": 3, "picture": 1, "row": -1, "column": -1}
    seen = {}
    for row, column in ((-1, -1), (0, -1), (-1, 0), (0, 0), (1, 0), (0, 1), (12, 12)):
        values = start | {"row": row, "column": column}
        picture, said = ours.board(**values).pixels().tobytes(), ours.describe(**values)
        assert said.startswith("Channel 3 is inactive") and ("reaches 0.0" in said) == (values != start)
        assert picture not in seen and said not in seen.values(), (row, column)
        seen[picture] = said
    assert ours.look(3, 1, 4)[2] is None and ours.look(3, 1, 4, 0)[2] is not None, (
        "of zeros none is strongest"
    )


def test_a_filter_is_found_where_it_is_most_active():
    ours = filters()
    values = ours.places()[0][2]
    answers = ours.answers(values["picture"])
    pointed = [tile for tile in blocks(ours.board(**values), ui.Tile) if tile.grip]
    assert len(pointed) == 2
    for row, column in ((0, 0), (3, 17), (26, 26)):
        left, top, right, bottom = (edge * PANEL / 112 for edge in answers.box((row, column), answers.step))
        best = int(answers.signed[:, row, column].argmax())
        for tile in pointed:
            assert tile.grip((left + right) / 2, (top + bottom) / 2, 0, 0) == {"filter": best}
            assert tile.grip(right - 0.1, top + 0.1, 0, 0) == {"filter": best}
    assert pointed[0].grip(-999, 9999, 0, 0) == {"filter": int(answers.signed[:, -1, 0].argmax())}


def test_from_side_to_side_of_the_decoded_image_a_latent_axis_goes_through_its_range():
    ours = axes()
    values = ours.places()[0][2] | {"axis_1": 1.0, "axis_2": -0.5}
    (tile,) = [tile for tile in blocks(ours.board(**values), ui.Tile) if tile.grip]
    assert tile.grip(5, 5, tile.wide / 4, tile.high / 8) == {"axis_1": 3.0, "axis_2": -1.5}


def test_the_query_that_predicts_what_is_pointed_at():
    ours = explorers.QueryPicker(DETR(queries=3), crowds(), most=4)
    side = ours.images.shape[3]
    ours.boxes[1] = torch.tensor([[0.0, 0, 20, 20], [30, 30, 50, 50], [0, 30, 20, 50]])
    ours.says[1] = torch.tensor([True, True, False])
    (tile,) = [tile for tile in blocks(ours.board(query=0, scene=1), ui.Tile) if tile.grip]
    for (x, y), query in (((11, 9), 0), ((38, 41), 1), ((9, 38), 0), ((999, 999), 1)):
        assert tile.grip(x * tile.wide / side, y * tile.wide / side, 0, 0) == {"query": query}
    ours.says[1] = False
    (tile,) = [tile for tile in blocks(ours.board(query=0, scene=1), ui.Tile) if tile.grip]
    assert tile.grip(9 * tile.wide / side, 38 * tile.wide / side, 0, 0) == {"query": 2}, "none predicts one"


def test_a_gan_s_step_is_under_the_pointer():
    ours = explorers.GanHistory(history())
    charts = blocks(ours.board(kept=0), ui.Chart)
    assert len(charts) == 2
    for chart in charts:
        x = 50 + chart.place(ours.steps[4], 0)[0]
        assert chart.grip(x, 0, 0, 0) == {"kept": 4}


PAGE = """<div class="explorer">
<div class="widget-play"><button>a</button><button>b</button></div><div id="hand" class="explorer-hand"></div>
<div class="widget-hslider"><label class="widget-label">x (px)</label>
<div class="noUi-handle" role="slider" tabindex="0">o</div></div>
<img class="widget-image"><div class="widget-html"><div class="widget-html-content"></div></div></div>"""
BEGIN = """async ([code, hint]) => {
  const picture = document.querySelector('img'), words = document.querySelector('.widget-html-content')
  const show = ({ source, said }) => { picture.src = source; picture.title = words.textContent = said }
  let answered
  const model = { get: () => hint, on: (_, heard) => { answered = heard }, off: () => {} }
  model.send = async message => { show(await kernel(message)); answered() }
  show(await kernel(null))
  const canvas = await import(`data:text/javascript;base64,${code}`)
  canvas.default.render({ model, el: document.querySelector('#hand') })
}"""
SIX = "e => { for (let n = 0; n < 6; n++) e.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowRight' })) }"


class Slow(Dot):
    def board(self, **values):
        sleep(0.15)
        return super().board(**values)


def test_in_a_page_the_picture_is_moved_by_keys_and_by_a_pointer_and_no_move_is_stale():
    """The page side in Chromium, a panel in this process behind it; the whole, in JupyterLab: another file."""
    panel, heard_of = Panel(Slow()), []

    def kernel(said):
        if said:
            heard_of.append(said)
            sleep(0.05)
            heard(panel, SimpleNamespace(send=lambda _: None), said)
        source = f"data:image/png;base64,{base64.b64encode(panel.image.value).decode()}"
        return {"source": source, "said": panel.image.tooltip}

    with chromium(viewport={"width": 1440, "height": 900}) as context:
        from playwright.sync_api import expect

        page = context.new_page()
        page.set_default_timeout(120_000)
        expect.set_options(timeout=120_000)
        page.expose_function("kernel", kernel)
        page.set_content(PAGE)
        page.add_style_tag(content=str(canvas.Canvas._css))
        code = base64.b64encode(str(canvas.Canvas._esm).encode()).decode()
        page.evaluate(BEGIN, [code, Slow.hint])
        image, words = page.locator("img[role=application]"), page.locator(".widget-html-content")
        expect(page.get_by_role("application", name="at 50, 0.5", exact=True)).to_be_visible()
        expect(page.get_by_role("slider", name="x (px)", exact=True)).to_be_visible()
        expect(page.get_by_role("button", name="Play the stops, or pause", exact=True)).to_be_visible()
        expect(page.locator("#hand")).to_contain_text("Full screen")

        def line(locator):
            return locator.evaluate(
                "e => [getComputedStyle(e).outlineStyle, getComputedStyle(e).outlineWidth]"
            )

        page.keyboard.press("Tab")
        for key, said in (
            ("ArrowRight", "at 60, 0.5"),
            ("ArrowDown", "at 60, 0.4"),
            ("Shift+ArrowUp", "at 60, 0.9"),
            ("End", "at 100, 0.9"),
            ("Home", "at 0, 0.9"),
        ):
            image.press(key)
            expect(words).to_have_text(said)
        assert line(image) == ["solid", "3px"]
        image.press("Control+ArrowRight")
        before = panel.explorer.drawn
        image.evaluate(SIX)
        expect(words).to_have_text("at 60, 0.9")
        assert panel.explorer.drawn - before == 3, (
            "two are under way, and the keys that come meanwhile are one move"
        )

        spot = image.bounding_box()
        heard_of.clear()
        start, end = (
            [spot["x"] + at[0] * spot["width"], spot["y"] + at[1] * spot["height"]] for at in PLACES
        )
        page.mouse.move(*start)
        page.mouse.down()
        page.mouse.move(*end, steps=40)
        page.mouse.move(*start, steps=40)
        page.mouse.move(*end, steps=40)
        page.mouse.up()
        expect(words).to_have_text("at 20, 0.7")
        assert len(heard_of) < 100, "of 122 places those that are stale were never sent"
        page.mouse.move(*start)
        page.wait_for_timeout(300)
        assert words.inner_text() == "at 20, 0.7", "not held any longer"
        page.get_by_role("button", name="Full screen").click()
        page.wait_for_function("document.fullscreenElement?.className == 'explorer'")


PLACES = share(80, 20), share(20, 30)
