"""The toy world: shapes -> objects -> scenes -> pixels, part masks, factors. Needs numpy and numba, knows no torch."""

from .crowd import Boxes, boxes, sample_crowd
from .model import CLASSES, SceneObject
from .objects import *  # noqa: F403  (registers the classes)
from .render import Rendering, render, render_many
from .sample import cue_is_there, sample_cued_scene, sample_scene
from .scene import Scene

__all__ = [
    "Boxes",
    "CLASSES",
    "Rendering",
    "Scene",
    "SceneObject",
    "boxes",
    "render",
    "render_many",
    "cue_is_there",
    "sample_crowd",
    "sample_cued_scene",
    "sample_scene",
]
