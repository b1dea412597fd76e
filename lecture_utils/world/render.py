"""Scenes to pixels and masks."""

import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from . import kernel

FINE = 2  # rays a pixel, each way


class Rendering(NamedTuple):
    """image float32 (3, h, w) in [0, 1]; objects uint8 (h, w), 0 = background, 1, 2 = objects of the scene in order;
    parts uint8 (h, w), 0 = background, else 1 + index in ``CLASSES[...].parts``."""

    image: np.ndarray
    objects: np.ndarray
    parts: np.ndarray


def threads_available():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def render(scene, size=112, shadows_from=None, threads=None):
    """Render a scene to a :class:`Rendering` of ``size`` x ``size`` px.

    Colours are the mean of 2 x 2 rays a pixel; the masks show what the ray through the pixel's centre hits.
    shadows_from: take shadows from this other scene (same picture, the old shadow). The same scene and size give
    the same pixels, whatever the number of threads.
    """
    if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or not 4 <= size <= 4096:
        raise ValueError(f"size must be a whole number of px from 4 to 4096, got {size!r}")
    threads = threads or threads_available()
    camera, air = scene.camera.row(), scene.air.row()
    prims, groups, looks = scene.arrays()
    dark = (prims, groups) if shadows_from is None else shadows_from.arrays()[:2]
    image = np.zeros((3, size, size), np.float32)
    objects, parts = np.zeros((2, size, size), np.uint8)
    kernel.ready()

    def rows(first, last):
        kernel.mask_rows(first, last, camera, prims, groups, objects, parts)
        kernel.render_rows(first, last, FINE, camera, prims, groups, looks, *dark, air, image)

    if threads == 1:
        rows(0, size)
    else:
        bands = np.linspace(0, size, 3 * threads + 1).astype(int)
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(rows, bands[:-1], bands[1:]))

    return Rendering(image, objects, parts)


def render_many(scenes, size=112, threads=None):
    """Yield a :class:`Rendering` for each scene, in order; ``threads`` scenes at a time (all cores by default)."""
    threads = threads or threads_available()
    with ThreadPoolExecutor(threads) as pool:
        waiting = deque()
        try:
            for scene in scenes:
                waiting.append(pool.submit(render, scene, size, None, 1))
                if len(waiting) >= 4 * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for job in waiting:
                job.cancel()


def masks(scene, size=112):
    """Only the masks (objects, parts), uint8 (size, size) each: much faster than :func:`render`."""
    prims, groups, _ = scene.arrays()
    objects, parts = np.zeros((2, size, size), np.uint8)
    kernel.ready()
    kernel.mask_rows(0, size, scene.camera.row(), prims, groups, objects, parts)
    return objects, parts
