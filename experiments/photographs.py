"""The photographs of the course: nine from OpenCV's samples and from SciPy ship, cut to what the lectures show.

    python -m experiments photographs --samples /usr/share/doc/opencv-doc/examples

The folder is that of Debian's package opencv-doc, or `samples` of OpenCV's source. SciPy 1.9.3 is downloaded into a
temporary place. The others are read from the packages that carry them, and not copied. photographs.json says of each
what it shows, whose it is, and where.
"""

import bz2
import tempfile
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from lecture_utils.photographs import open_image

from .experiment import Experiment, Refused, command
from .files import replacing, write_json
from .train.squeezenet import download

# name: (package, file inside it, what it shows)
PACKAGED = {
    "astronaut": ("skimage", "data/astronaut.png", "Eileen Collins, astronaut"),
    "cat": ("skimage", "data/chelsea.png", "Chelsea, a cat"),
    "coffee": ("skimage", "data/coffee.png", "a cup of coffee"),
    "rocket": ("skimage", "data/rocket.jpg", "a Falcon 9 rocket"),
    "china": ("sklearn", "datasets/images/china.jpg", "a pagoda by a lake"),
    "flower": ("sklearn", "datasets/images/flower.jpg", "a flower"),
    "hubble": ("skimage", "data/hubble_deep_field.jpg", "galaxies, Hubble deep field"),
    "immunohistochemistry": ("skimage", "data/ihc.png", "glands of a colon, stained"),
    "retina": ("skimage", "data/retina.jpg", "a human retina"),
    "brick": ("skimage", "data/brick.png", "a brick wall, grey"),
    "grass": ("skimage", "data/grass.png", "grass, grey"),
    "gravel": ("skimage", "data/gravel.png", "gravel, grey"),
    "motorcycle": ("skimage", "data/motorcycle_left.png", "a motorcycle in a garage"),
    "hopper": ("matplotlib", "mpl-data/sample_data/grace_hopper.jpg", "Grace Hopper, admiral"),
}
THEIRS = "as the package says of its own images"
OPENCV = "OpenCV 4.6.0, samples", "Apache-2.0, as all of OpenCV; it does not say who took it"
# name: (file of OpenCV's samples, what it shows)
SAMPLES = {
    "dog": ("data/chicky_512.png", "a Pekinese dog"),
    "squirrel": ("data/squirrel_cls.jpg", "a squirrel on a branch"),
    "robin": ("hfs/data/000.jpg", "a European robin"),
    "butterfly": ("data/butterfly.jpg", "a lime butterfly on a leaf"),
    "orange": ("data/orange.jpg", "an orange"),
    "fruits": ("data/fruits.jpg", "citrus fruits and a kiwi"),
    "street": ("data/leuvenA.jpg", "a street in the beguinage of Leuven"),
    "starry_night": ("data/starry_night.jpg", "Vincent van Gogh, The Starry Night (1889)"),
}
CENTRES = {  # how far from left and top a square is cropped, 0 to 1; else from the middle
    "cat": (0.4, 0.5),
    "motorcycle": (0.45, 0.5),
    "hopper": (0.5, 0.2),
    "robin": (0.3, 0.5),
    "raccoon": (0.8, 0.5),
}
PAINTINGS = {"starry_night": 12}  # px of the scan's black border, on all four sides
SCIPY, FACE = "scipy==1.9.3", "scipy/misc/face.dat"  # 768 x 1024 x 3 bytes
TABLE = "photographs/photographs.json"
SHORT = 320  # px, the short side
QUALITY = 90


def raccoon(folder: Path) -> Image.Image:
    """SciPy's photograph of a raccoon."""
    with zipfile.ZipFile(download(SCIPY, folder)) as wheel:
        pixels = np.frombuffer(bz2.decompress(wheel.read(FACE)), np.uint8)
    return Image.fromarray(pixels.reshape(768, 1024, 3))


def smaller(image: Image.Image) -> Image.Image:
    """The image with its short side at SHORT px; one that is smaller stays as it is."""
    share = min(1, SHORT / min(image.size))
    return ImageOps.scale(image, share, Image.Resampling.LANCZOS)


def table() -> dict[str, dict]:
    """What photographs.json says of each."""
    rows = {}
    for name, (package, file, what) in PACKAGED.items():
        about = {"what": what, "source": f"{package}, {file}", "licence": THEIRS}
        rows[name] = about | {"package": package, "file": file}
    for name, (file, what) in SAMPLES.items():
        source, licence = OPENCV
        licence = "public domain: its painter died in 1890" if name in PAINTINGS else licence
        rows[name] = {"what": what, "source": f"{source}/{file}", "licence": licence}
    source = f"SciPy 1.9.3, {FACE}"
    rows["raccoon"] = {"what": "a raccoon", "source": source, "licence": "public domain (CC0)"}
    return {
        name: {"package": "", "file": f"{name}.jpg", "centre": CENTRES.get(name, (0.5, 0.5))} | row
        for name, row in rows.items()
    }


def run(out: Path, samples: Path) -> dict:
    """Write the JPEG files and photographs.json."""
    images, rows = {}, table()
    for name, (file, _) in SAMPLES.items():
        if not (samples / file).is_file():
            raise Refused(f"--samples: there is no {file} in {samples}; expected the samples of OpenCV 4.6")
        images[name] = ImageOps.crop(open_image(samples / file), PAINTINGS.get(name, 0))
    with tempfile.TemporaryDirectory() as folder:
        images["raccoon"] = raccoon(Path(folder))
    for name, image in images.items():
        with replacing(out / f"photographs/{name}.jpg") as path:
            smaller(image).save(path, "JPEG", quality=QUALITY, subsampling=0)
    write_json(out / TABLE, {"command": command("photographs"), "photographs": rows})
    return images


EXPERIMENT = Experiment(
    makes=("photographs/*",),
    takes="1 minute, with a network",
    run=run,
    options={"--samples": {"type": Path, "required": True, "help": "the folder with OpenCV's samples"}},
    report=lambda images: f"{len(images)} photographs",
)
