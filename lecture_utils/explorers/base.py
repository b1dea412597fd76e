"""What every explorer shares: controls, stops with Prev and Next, one image that is replaced when something moves.

An explorer is a pure function from named values to a picture, with controls in front of it:

    class Turntable(Explorer):
        controls = {"azimuth": Slider(-180, 180, 5, "azimuth (degrees)")}
        stops = {"faces us": {"azimuth": 0}, "from behind": {"azimuth": 180}}
        def render(self, azimuth): ...        # uint8 (h, w, 3), the same for the same values
        def describe(self, azimuth): ...      # the same in a sentence
"""

import io
from dataclasses import dataclass
from html import escape

import numpy as np
from PIL import Image

from .. import show


@dataclass(frozen=True)
class Slider:
    """A number from low to high in steps; ints stay ints. label: what it is, with its unit."""

    low: float
    high: float
    step: float
    label: str

    def corners(self):
        """The values at its ends."""
        return self.low, self.high

    def widget(self, value):
        import ipywidgets

        whole = all(isinstance(number, int) for number in (self.low, self.high, self.step))
        kind = ipywidgets.IntSlider if whole else ipywidgets.FloatSlider
        wide = ipywidgets.Layout(width="460px")
        return kind(
            value,
            min=self.low,
            max=self.high,
            step=self.step,
            description=self.label,
            style=WIDE,
            layout=wide,
        )


@dataclass(frozen=True)
class Choice:
    """One of several named values."""

    options: tuple
    label: str

    def corners(self):
        """The first and the last."""
        return self.options[0], self.options[-1]

    def widget(self, value):
        import ipywidgets

        return ipywidgets.Dropdown(value=value, options=self.options, description=self.label, style=WIDE)


WIDE = {"description_width": "initial"}


class Explorer:
    """A picture under controls; the last expression of a cell shows it.

    A subclass gives `controls` {name: Slider or Choice}, `stops` {title: values} (each names every control, or
    leaves some at the first stop's value), `render(**values)` and `describe(**values)`.
    """

    title, caption = "", ""
    controls: dict = {}
    stops: dict = {}

    def render(self, **values):
        """The picture for these values, uint8 (h, w, 3). Depends on nothing else."""
        raise NotImplementedError

    def describe(self, **values):
        """The picture in a sentence, for those who cannot see it."""
        raise NotImplementedError

    def stop(self, title):
        """The values of a stop, all controls named."""
        return next(iter(self.stops.values())) | self.stops[title]

    def png(self, **values):
        """The picture as the bytes of a PNG file; lightly packed, because it is made at every move."""
        file = io.BytesIO()
        Image.fromarray(self.render(**values)).save(file, "PNG", compress_level=1)
        return file.getvalue()

    def filmstrip(self, columns=3):
        """All stops side by side as a still `Picture`: what a page, a print or a reader without a kernel sees."""
        frames = [self.render(**self.stop(title)).transpose(2, 0, 1) / 255 for title in self.stops]
        alt = " ".join([self.title + ".", *(self.describe(**self.stop(title)) for title in self.stops)])
        return show.image_grid(
            np.stack(frames), list(self.stops), columns, title=self.title, caption=self.caption, alt=alt
        )

    def widget(self):
        """A new ipywidgets box: the controls, Prev and Next, the picture, and its sentence."""
        return _Panel(self).box

    def _repr_mimebundle_(self, include=None, exclude=None):
        return self.widget()._repr_mimebundle_(include=include, exclude=exclude)


class _Panel:
    """The widgets of one explorer. A fault while moving is shown under the picture, and raised as well."""

    def __init__(self, explorer):
        import ipywidgets

        self.explorer, self.titles, self.at = explorer, list(explorer.stops), 0
        start = explorer.stop(self.titles[0])
        self.inputs = {name: control.widget(start[name]) for name, control in explorer.controls.items()}
        self.image = ipywidgets.Image(format="png")
        self.text, self.where = ipywidgets.HTML(), ipywidgets.Label()
        buttons = [ipywidgets.Button(description=word) for word in ("Prev", "Next")]
        for button, step in zip(buttons, (-1, 1), strict=True):
            button.on_click(lambda _, step=step: self.go(self.at + step))
        for widget in self.inputs.values():
            widget.observe(lambda _: self.draw(), "value")
        self.jumping = False
        self.box = ipywidgets.VBox(
            [ipywidgets.HBox([*buttons, self.where]), *self.inputs.values(), self.image, self.text]
        )
        self.draw()

    def values(self):
        return {name: widget.value for name, widget in self.inputs.items()}

    def go(self, number):
        """Go to a stop; after the last comes the first. Several controls move, one picture is drawn."""
        self.at = number % len(self.titles)
        self.jumping = True
        try:
            for name, value in self.explorer.stop(self.titles[self.at]).items():
                self.inputs[name].value = value
        finally:
            self.jumping = False
        self.draw()

    def draw(self):
        if self.jumping:
            return
        values = self.values()
        here = [n for n, title in enumerate(self.titles) if self.explorer.stop(title) == values]
        self.at = here[0] if here else self.at
        place = f"stop {self.at + 1} of {len(self.titles)}: {self.titles[self.at]}"
        self.where.value = place if here else f"between stops ({place} was the last)"
        try:
            self.image.value = self.explorer.png(**values)
            self.text.value = escape(self.explorer.describe(**values))
        except Exception as error:
            self.text.value = f"<b>{escape(type(error).__name__)}</b>: {escape(str(error))}"
            raise
