"""What every explorer shares: controls, stops with Prev and Next, one image that is replaced when something moves.

An explorer is a pure function from named values to a picture:

    class Turntable(Explorer):
        controls = {"azimuth": Slider(-180, 180, 5, "azimuth (degrees)")}
        stops = {"faces us": {"azimuth": 0}, "from behind": {"azimuth": 180}}
        def board(self, azimuth): ...         # blocks, the same for the same values
        def sentence(self, azimuth): ...      # the same in words
"""

import io
from dataclasses import dataclass
from numbers import Integral, Real

import ipywidgets
import torch

from .. import plots
from ..checks import check_choice, check_images, near_miss
from ..hooks import copy_to, frozen, in_batches, logits_of
from .board import captioned, grid, resized
from .panel import Panel


def _words(label):
    """What a control's widget is told to show its label in full; without a tooltip the page says "null"."""
    layout = ipywidgets.Layout(width="490px", max_width="98%")
    return {"description": label, "tooltip": label, "style": {"description_width": "245px"}, "layout": layout}


def distinct(stops):
    """The stops without those that are where an earlier one is, all naming all controls."""
    first = {}
    for title, values in stops.items():
        first.setdefault(tuple(values.items()), title)
    return {title: dict(values) for values, title in first.items()}


def probabilities(net, images, batch_size=64):
    """The net's probabilities (n, classes) for images (n, 3, h, w), on the images' device. Errors: ValueError."""
    with frozen(net) as net, torch.no_grad():
        return in_batches(lambda some: logits_of(net, copy_to(net, some)).softmax(1), images, size=batch_size)


@dataclass(frozen=True)
class Slider:
    """A number from low to high in steps; ints stay ints. label: what it is, with its unit."""

    low: float
    high: float
    step: float
    label: str

    @property
    def whole(self):
        return all(isinstance(number, int) for number in (self.low, self.high, self.step))

    def values(self):
        """All that it can be set to, from low to high."""
        count = int((self.high - self.low) / self.step + 1e-9) + 1
        values = [self.low + self.step * n for n in range(count)]
        return values if self.whole else [min(round(v, 9), self.high) for v in values]  # 0.1 * 3 is above 0.3

    def nearest(self, wanted):
        """Of its values the one that is nearest to a number."""
        values = self.values()
        return values[round(min(max((wanted - self.low) / self.step, 0), len(values) - 1))]

    def check(self, name, value):
        """Refuse what the slider cannot be set to. ValueError."""
        kind = Integral if self.whole else Real
        if isinstance(value, bool) or not isinstance(value, kind) or not self.low <= value <= self.high:
            number = "a whole number" if self.whole else "a number"
            raise ValueError(f"{name}: expected {number} from {self.low} to {self.high}, got {value!r}")

    def widget(self, value):
        kind = ipywidgets.IntSlider if self.whole else ipywidgets.FloatSlider
        return kind(value, min=self.low, max=self.high, step=self.step, **_words(self.label))


@dataclass(frozen=True)
class Choice:
    """One of several named values."""

    options: tuple
    label: str

    def values(self):
        return self.options

    def check(self, name, value):
        """Refuse what is not among the options. KeyError with near misses."""
        if value not in self.options:
            raise near_miss(value, self.options, name)

    def widget(self, value):
        return ipywidgets.Dropdown(value=value, options=self.options, **_words(self.label))


class Explorer:
    """A picture under controls; the last expression of a cell shows it.

    A subclass gives `controls` {name: Slider or Choice}, `stops` {title: values} (what one leaves out is as at the
    first), `board(**values)` and `sentence(**values)`. format: how the picture travels to the page, "png", or "jpeg"
    where it is mostly a photograph: a third of the bytes, in a tenth of the time. Of the filmstrip, across: stops in
    a row; filmed: the numbers of the stops on it, None for all. live: None, or a generator
    (**values) -> (board, sentence), again and again, each a short while after the last: it gets a button that runs
    it, and one that stops it. A picture is dragged by the blocks of its board that are `board.held`; arrows:
    {control: (steps at the right arrow key, at the one down)}, the first one goes with Home and End, too; hint: what
    to drag, in words.
    """

    title, caption, format, across, filmed, hint = "", "", "png", 3, None, ""
    controls: dict = {}
    stops: dict = {}
    arrows: dict = {}
    live = None

    def still(self, title, **values):
        """A stop on the filmstrip, a `board.Block`: here its picture, made small; in a subclass what tells most."""
        return captioned(resized(self.board(**values), 260), title)

    def film(self):
        """The whole filmstrip, a `board.Block` of at most 1000 px width."""
        stills = (self.still(title, **values) for title, values in self.frames())
        return grid(stills, self.across, gap=14, align=1.0)

    def render(self, **values):
        """The picture for these values, uint8 (h, w, 3). Errors: as `check`."""
        self.check(**values)
        return self.board(**values).pixels()

    def describe(self, **values):
        """The picture in a sentence. Errors: as `check`."""
        self.check(**values)
        return self.sentence(**values)

    def check(self, **values):
        """Refuse what the controls cannot be set to: ValueError for a number, KeyError (near misses) for a name."""
        for name, value in values.items():
            if name not in self.controls:
                raise near_miss(name, self.controls, "control")
            self.controls[name].check(name, value)

    def stop(self, title):
        """The values of a stop, all controls named. KeyError for a title that is none, or a value it cannot have."""
        check_choice(title, self.stops, "stop")
        values = next(iter(self.stops.values())) | self.stops[title]
        self.check(**values)
        return values

    def places(self):
        """(number, title, values) of each stop."""
        return [(n, title, self.stop(title)) for n, title in enumerate(self.stops)]

    def frames(self):
        """(title, values) of each stop that is on the filmstrip."""
        return [
            (title, values) for n, title, values in self.places() if self.filmed is None or n in self.filmed
        ]

    def packed(self, board):
        """A board as the bytes of a file of `format`; lightly packed, because it is made at every move."""
        file, image = io.BytesIO(), board.image()
        if self.format == "jpeg":
            image.save(file, "JPEG", quality=90, subsampling=0)  # full colour resolution keeps letters clean
        else:
            image.save(file, "PNG", compress_level=1)
        return file.getvalue()

    def filmstrip(self):
        """A still `Picture` of all stops: what a page, a print or a reader without a kernel sees."""
        film = self.film()
        wide, high = film.wide / plots.DPI, film.high / plots.DPI
        alt = " ".join([self.title + ".", *(self.describe(**values) for _, values in self.frames())])
        sheet = plots.Sheet(wide, high, self.title, self.caption, alt)
        sheet.axes(0, 0, wide, high).imshow(film.pixels(), interpolation="none", aspect="auto")
        return sheet.picture()

    def widget(self):
        """A new ipywidgets box: the controls, Prev and Next, the picture, and its sentence."""
        return Panel(self).box

    def _repr_mimebundle_(self, include=None, exclude=None):
        return self.widget()._repr_mimebundle_(include=include, exclude=exclude)


class OfImages(Explorer):
    """One that shows a net's images, at least `least`, each by its number and its name, if there are names."""

    def __init__(self, net, images, names, least, why="to choose from"):
        check_images(images, net=net, range01=True)
        if len(images) < least:
            raise ValueError(f"images: expected at least {least}, {why}, got {len(images)}")
        if names is not None and len(names) != len(images):
            raise ValueError(f"names: expected {len(images)}, one for each image, got {len(names)}")
        self.net, self.images, self.names = net, images.cpu(), names

    def named(self, picture):
        return f"picture {picture}" + ("" if self.names is None else f": {self.names[picture]}")
