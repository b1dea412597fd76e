"""Measure how fast things are on this machine: what `make bench` runs.

python tools/bench.py [--quick] [--json bench.json] [name ...]

Prints a table and writes the same as JSON. Medians; run it alone, on an idle machine.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from contextlib import redirect_stderr
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import NamedTuple
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[1]
BENCHMARKS = {}
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as in the kernels of `make lab`


class Result(NamedTuple):
    """One row of the table: `target` is the course's own promise, "" where there is none."""

    what: str
    value: float
    unit: str
    target: str = ""


def benchmark(function):
    """Register a function that takes `quick` (fewer repeats) and yields Results."""
    BENCHMARKS[function.__name__] = function
    return function


def cores():
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def scenes(count, kind="normal"):
    """Scenes of all classes in turn, the same on every machine."""
    from lecture_utils.world import CLASSES, sample_scene

    names = list(CLASSES)
    return [sample_scene(names[seed % len(names)], seed=seed, kind=kind) for seed in range(count)]


@benchmark
def rendering(quick):
    """Whole scenes at 112 px with 2 x 2 rays a pixel, one after the other."""
    from lecture_utils.world import render_many

    todo = scenes(32 if quick else 128)
    list(render_many(todo[:4]))  # compile
    for threads in sorted({2, cores()}):
        seconds = []
        for _ in range(1 if quick else 3):
            start = perf_counter()
            for _ in render_many(todo, threads=threads):
                pass
            seconds.append(perf_counter() - start)
        target = "at least 30" if threads == 2 else ""
        yield Result(f"rendered with {threads} threads", len(todo) / median(seconds), "images/s", target)


@benchmark
def one_image(quick):
    """A single scene, as a slider asks for it: the median over scenes, and the slowest scene in twenty."""
    from lecture_utils.world import render

    todo = scenes(16 if quick else 64)
    render(todo[0])  # compile
    for threads in sorted({2, cores()}):
        times = []
        for scene in todo:
            start = perf_counter()
            render(scene, threads=threads)
            times.append(1000 * (perf_counter() - start))
        times.sort()
        yield Result(f"one image, {threads} threads, median", median(times), "ms", "below 60")
        yield Result(f"one image, {threads} threads, slowest in 20", times[int(0.95 * len(times))], "ms")


FIRST_PICTURE = """
from time import perf_counter
start = perf_counter()
from lecture_utils.world import render, sample_scene
render(sample_scene("elephant", seed=7))
print(perf_counter() - start)
"""


@benchmark
def first_picture(quick):
    """From `import` to the first picture in a new process: ever (nothing compiled yet), and later."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "NUMBA_CACHE_DIR": folder}
        times = []
        for _ in range(2 if quick else 4):
            command = [sys.executable, "-c", FIRST_PICTURE]
            done = subprocess.run(
                command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True
            )
            times.append(float(done.stdout))
    yield Result("first picture ever", times[0], "s", "below 15")
    yield Result("first picture, later", median(times[1:]), "s", "below 3")


@benchmark
def training(quick):
    """Training steps of each net, scaled to an epoch. The pictures are noise: they take the same time."""
    import numpy as np
    import torch

    from experiments.train.classifier import Recipe, Run
    from experiments.train.data import COUNTS
    from experiments.training import fast_bfloat16
    from lecture_utils.models import NETS

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    precision = "bfloat16" if fast_bfloat16(device) else "float32"
    count = 64 * (4 if quick else 10)
    draws = np.random.default_rng(0)
    images = draws.integers(0, 256, (count, 3, 112, 112), dtype=np.uint8)
    labels = np.stack([draws.integers(0, 16, count), np.full(count, -1)], 1)
    for name in ("alex",) if quick else NETS:
        with tempfile.TemporaryDirectory() as folder:
            run = Run(Recipe(name, images=count), Path(folder), "", device)
            seconds = []
            for _ in range(2 if quick else 4):
                start = perf_counter()
                with open(os.devnull, "w") as nowhere, redirect_stderr(nowhere):  # no bars between the rows
                    run.train_epoch(images, labels)
                seconds.append(perf_counter() - start)
        speed = count / median(seconds[1:])  # the first one warms up
        yield Result(f"{name} trained ({device.type}, {precision})", speed, "images/s")
        yield Result(f"{name}, an epoch of {COUNTS['train']} images", COUNTS["train"] / speed, "s")


@benchmark
def answering(quick):
    """One net's opinion of one image, as a slider asks for it."""
    import torch

    from lecture_utils.models import build

    net, image = build("alex"), torch.rand(1, 3, 112, 112)
    times = []
    with torch.inference_mode():
        for _ in range(10 if quick else 50):
            start = perf_counter()
            net(image)
            times.append(1000 * (perf_counter() - start))
    yield Result("alex looks at one image", median(times), "ms")


@benchmark
def extracting(quick):
    """features.extract against the bare forward pass over the same batches, one after the other in turn."""
    import torch

    from lecture_utils import features
    from lecture_utils.models import build

    images, layer = torch.rand(128 if quick else 512, 3, 112, 112), "relu7"
    net = build("alex").eval()

    def bare():
        with torch.no_grad():
            for batch in images.split(64):
                net(batch)

    def extract():
        features.extract(net, images, layer)

    times = {bare: [], extract: []}
    for _ in range(5 if quick else 25):
        for function, seconds in times.items():
            start = perf_counter()
            function()
            seconds.append(perf_counter() - start)
    plain, ours = (median(seconds[1:]) for seconds in times.values())
    yield Result("bare forward pass of alex", len(images) / plain, "images/s")
    yield Result("features.extract of alex, fc7", len(images) / ours, "images/s")
    yield Result("features.extract against it", 100 * plain / ours, "%", "at least 90")


@benchmark
def attribution(quick):
    """Each heatmap against captum's, on the same net and images."""
    import bench_attribution  # beside this file

    return (Result(*row) for row in bench_attribution.rows(quick))


@benchmark
def adversarial(quick):
    """FGSM and PGD against captum's, on the same net and images."""
    import bench_adversarial  # beside this file

    return (Result(*row) for row in bench_adversarial.rows(quick))


@benchmark
def synthesis(quick):
    """A step of ascent, inversion and style, against the bare forward and backward pass."""
    import bench_synthesis  # beside this file

    return (Result(*row) for row in bench_synthesis.rows(quick))


@benchmark
def generative(quick):
    """Cached against naive drawing, and the training loop against the bare passes."""
    import bench_generative  # beside this file

    return (Result(*row) for row in bench_generative.rows(quick))


@benchmark
def patches(quick):
    """The strongest patches of the gallery, against the net alone."""
    import bench_patches  # beside this file

    return (Result(*row) for row in bench_patches.rows(quick))


def latency(explorer, moves=100, seed=0):
    """ms that the kernel works when something moves: half of the moves at most p50, 95% of them at most p95.

    Each move sets every control to a random value, which is harder than dragging one: less is remembered. The first
    moves warm up (compiling, reading) and are not counted. The page's own time is not in it.
    """
    import numpy as np

    rng, times = np.random.default_rng(seed), []
    for _ in range(moves + 5):
        every = {name: control.values() for name, control in explorer.controls.items()}
        values = {name: some[int(rng.integers(len(some)))] for name, some in every.items()}
        start = perf_counter()
        explorer.packed(explorer.board(**values))
        explorer.describe(**values)
        times.append(1000 * (perf_counter() - start))
    return np.quantile(times[5:], [0.5, 0.95]).tolist()


@benchmark
def exploring(quick):
    """The kernel's work for one move of each explorer, on two cores where the system can hold it there."""
    import torch

    from experiments.explorers import LatentAxes, MethodAgainstMethod
    from lecture_utils import datasets, detection, explorers, features, models, open_lab
    from lecture_utils.generative import VAE
    from lecture_utils.models import studio as studio_models

    allowed, threads = (
        (os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None),
        torch.get_num_threads(),
    )
    try:
        if allowed:
            os.sched_setaffinity(0, sorted(allowed)[:2])
        torch.set_num_threads(min(2, threads))
        lab = open_lab(device="cpu")
        images, labels = lab.gallery.images[:128], lab.gallery.labels[:128]
        bank = features.extract(lab.net, images, lab.layer("fc7"))
        deep = {name: lab.layers[name] for name in ("conv1", "conv3", "conv5")}
        crowd = lab.detection.images[:64]
        digits, studio = (datasets.load(name) for name in ("digits", "studio"))
        moved = (  # made one after another: some of them compute ahead
            lambda: explorers.Turntable(lab),
            lambda: explorers.FilterAtWork(lab.net, images[:48]),
            lambda: explorers.TSNEExplorer(bank, labels, lab.classes),
            lambda: explorers.Channels(lab.net, images, lab.layers["conv5"]),
            lambda: explorers.Occluder(lab.net, images[:2], lab.classes),
            lambda: explorers.ClassAndLayer(lab.net, images[:40], lab.classes, deep),
            lambda: MethodAgainstMethod(lab),
            lambda: explorers.ClassImages(lab),
            lambda: explorers.StyleMixer(lab),
            lambda: explorers.Attack(lab),
            lambda: explorers.Completion(models.load("studio-pixelcnn")),
            lambda: explorers.LatentPlane(VAE(8, 2), digits.test.pixels, digits.test.labels),
            lambda: LatentAxes(
                models.load("studio-vae"), studio.test.pixels, studio.test.labels, studio.classes
            ),
            lambda: explorers.GanHistory(studio_models.gan_history()),
            lambda: explorers.Suppression(lab.detection, detection.build_detector("RetinaNet")),
            lambda: explorers.ScoreThreshold(lab.detection, detection.build_detector("YOLO").detect(crowd)),
            lambda: explorers.Anchors(lab.detection),
            lambda: explorers.QueryPicker(detection.build_detector("DETR"), lab.detection),
        )
        for make in moved:
            explorer = make()
            p50, p95 = latency(explorer, 20 if quick else 100)
            name = f"{type(explorer).__name__}, kernel, a move"
            yield Result(f"{name}, p50", p50, "ms")
            yield Result(f"{name}, p95", p95, "ms", "below 100")
    finally:
        torch.set_num_threads(threads)
        if allowed:
            os.sched_setaffinity(0, allowed)


@benchmark
def exploring_in_the_browser(quick):
    """From a key to the new picture, and pictures a second of a drag, in Chromium: the browser tests measure."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        which = "from_a_key or frames_a_second"
        test = ["tests/test_explorers_in_browser.py", "-k", which, "--junit-xml", report]
        command = [sys.executable, "-m", "pytest", *test, "-q", "-rs", "-p", "no:cacheprovider"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        found = ElementTree.parse(report).findall(".//property") if report.exists() else []
    for each in found:
        name, value = each.get("name"), float(each.get("value"))
        if name.endswith("drag"):
            yield Result(f"{name}, pictures", value, "a second", "20 at least")
        else:
            yield Result(f"{name}, key to picture", value, "ms", "below 250")
    if not found or done.returncode:
        print(f"the browser test measured {len(found) or 'nothing'}:\n{done.stdout[-1500:]}", file=sys.stderr)


def machine():
    """What the numbers were measured on."""
    import torch

    model = platform.processor()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line.split(":")[1].strip() for line in info.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    return {
        "cpu": model or platform.machine(),
        "cores": cores(),
        "torch threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
        "python": platform.python_version(),
        "torch": torch.__version__.split("+")[0],
    }


def main(argv=None):
    parser = argparse.ArgumentParser(prog="make bench ARGS=...", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="name", help=f"which ones: {', '.join(BENCHMARKS)} (all)")
    parser.add_argument("--quick", action="store_true", help="fewer repeats, less exact")
    parser.add_argument("--json", type=Path, default=ROOT / "bench.json", help="where the JSON goes")
    options = parser.parse_args(argv)
    if unknown := set(options.names) - set(BENCHMARKS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}")
    here, rows = machine(), []
    print(", ".join(f"{key} {value}" for key, value in here.items()), end="\n\n", flush=True)
    for name in options.names or BENCHMARKS:
        for row in BENCHMARKS[name](options.quick):
            rows.append(row)
            print(f"{row.what:<44}{row.value:>9.1f} {row.unit:<10}{row.target}", flush=True)
    content = {"machine": here, "results": [row._asdict() for row in rows]}
    options.json.write_text(json.dumps(content, indent=1) + "\n")
    print(f"\nwritten to {options.json.name}")


if __name__ == "__main__":
    main()
