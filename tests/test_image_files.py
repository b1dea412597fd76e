"""A folder of images that is read piece by piece: the same pixels as all at once, and never more than was asked for."""

import numpy as np
import pytest
import torch
from PIL import Image

from experiments import image_files
from experiments.image_files import Files
from lecture_utils import features, models, photographs


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Five images of different sizes, two of them in a folder inside, and a text."""
    folder, draws = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    (folder / "inside").mkdir()
    for n, name in enumerate(("c.png", "a.png", "inside/b.jpg", "inside/a.png", "d.png")):
        shape = (120 + 7 * n, 130, 3)
        Image.fromarray(draws.integers(0, 256, shape, dtype=np.uint8)).save(folder / name)
    (folder / "notes.txt").write_text("no image")
    return folder


def test_the_same_pixels_as_all_at_once_and_none_touched_that_has_the_size_asked_for(folder, tmp_path):
    files, whole = Files(folder), photographs.from_folder(folder)
    assert [p.name for p in files.paths] == ["a.png", "c.png", "d.png", "a.png", "b.jpg"]
    assert files.skipped == ["notes.txt"] and len(files) == 5
    assert torch.equal(torch.stack([files[n] for n in range(3)]), whole.images)
    pixels = np.random.default_rng(0).integers(0, 256, (112, 112, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "x.png")
    assert torch.equal(Files(tmp_path, size=112)[0], torch.from_numpy(pixels).permute(2, 0, 1) / 255)


def test_patches_of_a_folder_are_those_of_its_images(folder, monkeypatch):
    net, files = models.build("alex"), Files(folder, size=112)
    read, open_image = [], photographs.open_image
    monkeypatch.setattr(image_files, "open_image", lambda path: read.append(path) or open_image(path))
    found = image_files.top_patches(net, files, "relu3", 2, 2, batch_size=2)
    assert read[:5] == files.paths and len(read) == 7  # each once, and the two that are cut once more
    expected = features.top_patches(net, torch.stack(list(files)), "relu3", 2, 2)
    assert torch.equal(found.images, expected.images) and torch.equal(found.patches, expected.patches)


def test_what_is_wrong_is_said(folder, tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        Files(tmp_path / "nowhere")
    with pytest.raises(NotADirectoryError, match=r"notes\.txt"):
        Files(folder / "notes.txt")
    with pytest.raises(ValueError, match="none is there"):
        Files(tmp_path)
    content = (folder / "c.png").read_bytes()
    (tmp_path / "half.png").write_bytes(content[: len(content) // 2])
    files = Files(tmp_path)
    with pytest.raises(ValueError, match=r"half\.png: this image cannot be read"):
        files[0]
    with pytest.raises(IndexError):
        files[1]


RAMP = np.indices((40, 60))[0] / 39  # from black above to white below


@pytest.mark.parametrize(
    ("name", "values", "white"),
    [
        ("twelve.png", (4095 * RAMP).astype(np.uint16), 4095),
        ("eight.tif", (255 * RAMP).astype(np.uint16), 255),
        ("all.png", (65535 * RAMP).astype(np.uint16), 65535),
        ("unit.tif", RAMP.astype(np.float32), 1),
        ("levels.tif", (255 * RAMP).astype(np.float32), 255),
        ("int.tif", (4000 * RAMP).astype(np.int32), 4095),
    ],
)
def test_grey_of_more_than_8_bits_has_one_rule(tmp_path, name, values, white):
    Image.fromarray(values).save(tmp_path / name)
    (image,) = photographs.from_folder(tmp_path).images
    assert image[:, -1].mean() == pytest.approx(values.max() / white, abs=0.01) and image[:, 0].max() < 0.02
    assert torch.equal(image, Files(tmp_path)[0])


def test_hidden_copies_are_no_images_of_the_folder(folder, tmp_path):
    for place in (".ipynb_checkpoints", "trash/.old", "seen"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "a.png").write_bytes((folder / "a.png").read_bytes())
    (tmp_path / ".b.png").write_bytes((folder / "a.png").read_bytes())
    files = Files(tmp_path)
    assert files.paths == [tmp_path / "seen/a.png"] and files.skipped == []


def test_a_folder_of_heic_names_the_format_and_the_cure(folder, tmp_path, capsys):
    (tmp_path / "IMG_1.HEIC").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    for read in (photographs.from_folder, Files):
        with pytest.raises(ValueError, match=r"HEIC.*save them as JPEG"):
            read(tmp_path)
    (tmp_path / "a.png").write_bytes((folder / "a.png").read_bytes())
    photographs.from_folder(tmp_path)
    said = capsys.readouterr().out
    assert "IMG_1.HEIC; HEIC" in said and "Only 1 here: what compares photographs needs 4" in said
