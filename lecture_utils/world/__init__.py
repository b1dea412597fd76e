"""The toy world: shapes -> objects -> scenes -> pixels, part masks, factors. Needs numpy and numba, knows no torch."""

from .model import CLASSES, SceneObject
from .objects import *  # noqa: F403  (registers the classes)
from .render import Rendering, render, render_many
from .sample import cue_is_there, sample_cued_scene, sample_scene
from .scene import Scene

__all__ = [
    "CLASSES",
    "Rendering",
    "Scene",
    "SceneObject",
    "render",
    "render_many",
    "cue_is_there",
    "sample_cued_scene",
    "sample_scene",
]
