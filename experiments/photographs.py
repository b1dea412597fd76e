"""The photographs that ship: nine from OpenCV's samples and from SciPy, cut to what the lectures show.

    python -m experiments photographs --samples /usr/share/doc/opencv-doc/examples

The folder is that of Debian's package opencv-doc, or `samples` of OpenCV's source. SciPy 1.9.3 is downloaded into a
temporary place. The other photographs of the course are read from the packages that carry them, and not copied.
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
PAINTINGS = {"starry_night": 12}  # px of the scan's black border, on all four sides
SCIPY, FACE = "scipy==1.9.3", "scipy/misc/face.dat"  # 768 x 1024 x 3 bytes
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


def run(out: Path, samples: Path) -> dict:
    """Write the JPEG files and photographs.json: source, licence and what is shown."""
    images, table = {}, {}
    for name, (file, what) in SAMPLES.items():
        if not (samples / file).is_file():
            raise Refused(f"--samples: there is no {file} in {samples}; expected the samples of OpenCV 4.6")
        image = open_image(samples / file)
        border = PAINTINGS.get(name, 0)
        images[name] = ImageOps.crop(image, border)
        source, licence = OPENCV
        licence = "public domain: its painter died in 1890" if name in PAINTINGS else licence
        table[name] = {"what": what, "source": f"{source}/{file}", "licence": licence}
    with tempfile.TemporaryDirectory() as folder:
        images["raccoon"] = raccoon(Path(folder))
    table["raccoon"] = {
        "what": "a raccoon",
        "source": f"SciPy 1.9.3, {FACE}",
        "licence": "public domain (CC0)",
    }
    for name, image in images.items():
        with replacing(out / f"photographs/{name}.jpg") as path:
            smaller(image).save(path, "JPEG", quality=QUALITY, subsampling=0)
    write_json(
        out / "photographs/photographs.json", {"command": command("photographs"), "photographs": table}
    )
    return table


EXPERIMENT = Experiment(
    makes=("photographs/*",),
    takes="1 minute, with a network",
    run=run,
    options={"--samples": {"type": Path, "required": True, "help": "the folder with OpenCV's samples"}},
    report=lambda table: f"{len(table)} photographs",
)
