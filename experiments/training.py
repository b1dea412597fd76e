"""What the trainings share: the loop, the steps of its learning rate, the settings of the processor."""

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing import get_context

import torch
from torch import nn

from lecture_utils.generative import warm_cosine
from lecture_utils.progress import progress


def device_here() -> torch.device:
    """The GPU, where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def fast_bfloat16(device: torch.device | None = None) -> bool:
    """Is bfloat16 faster than float32 here? On a CPU without its instructions it is fifteen times slower."""
    able = torch.cpu.get_capabilities()
    gpu = device is not None and device.type == "cuda"
    return gpu or bool(able.get("amx_bf16") or able.get("avx512_bf16"))


@contextmanager
def threads_set(threads: int | None = None) -> Iterator[int]:
    """So many threads of torch inside (None: no other number); afterwards threads and random state are as before."""
    before = torch.get_num_threads()
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else []
    try:
        torch.set_num_threads(threads or before)
        with torch.random.fork_rng(devices):
            yield threads or before
    finally:
        torch.set_num_threads(before)


def descend(
    loss: Callable[[int], torch.Tensor],
    optimiser: torch.optim.Optimizer,
    highest: float,
    steps: range,
    total: int,
    every: int,
    label: str,
    clip: float | None = None,
    note: Callable[[float], str] = "loss {:.3f}".format,
    after: Callable[[int], None] | None = None,
) -> Iterator[float]:
    """Go down the gradient of loss(step) for each of `steps`, and yield the mean loss of each `every` steps.

    highest: the learning rate that `warm_cosine` reaches, `total` being all steps of the training; a group of the
    optimiser may have a share of it. clip: the largest norm of the gradient. note: the text behind the progress bar.
    after: called with each step that was made.
    Errors: FloatingPointError where the loss or the gradient is NaN or infinite; the last checkpoint is then good.
    """
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    with progress(label=label, total=len(steps)) as bar:
        summed, done = 0.0, 0
        for step in steps:
            for group in optimiser.param_groups:
                group["lr"] = warm_cosine(step, total, highest * group.get("share", 1.0))
            value = loss(step)
            optimiser.zero_grad()
            value.backward()
            norm = nn.utils.clip_grad_norm_(parameters, clip).item() if clip else 0.0
            summed, done = summed + value.item(), done + 1
            if not math.isfinite(summed + norm):
                raise FloatingPointError(
                    f"{label}: NaN or infinity in step {step + 1}; the last checkpoint is good"
                )
            optimiser.step()
            if after:
                after(step)
            bar.update()
            bar.note(note(summed / done))
            if (step + 1) % every == 0:
                yield summed / done
                summed, done = 0.0, 0


def side_by_side(work: Callable, jobs: list[tuple], at_once: int, label: str) -> None:
    """Call work(*job) for every job with a progress bar, `at_once` at a time, each in a process of its own.

    One at a time needs no other process. An error or Ctrl-C ends it: nothing new begins, the error is raised here.
    """
    with progress(label=label, total=len(jobs)) as bar:
        if at_once == 1:
            for job in jobs:
                work(*job)
                bar.update()
            return
        with ProcessPoolExecutor(at_once, get_context("spawn")) as pool:
            try:
                for done in as_completed([pool.submit(work, *job) for job in jobs]):
                    done.result()
                    bar.update()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
