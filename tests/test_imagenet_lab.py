"""The second lab: five of torchvision's nets on random weights, photographs of all kinds, and what goes wrong."""

import copy
import hashlib
import re
import socket
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from lecture_utils import features, open_lab, photographs
from lecture_utils.hooks import activations
from lecture_utils.models import imagenet
from tests import imagenet_files

pytestmark = pytest.mark.slow

MEAN, STD = torch.tensor(imagenet.MEAN).view(3, 1, 1), torch.tensor(imagenet.STD).view(3, 1, 1)
FC = {"fc6": 4096, "fc7": 4096, "fc8": 1000}
FIRES = (128, 128, 256, 256, 384, 384, 512, 512)
VGG = ((1, 64, 2), (2, 128, 2), (3, 256, 3), (4, 512, 3), (5, 512, 3))  # block, channels, convolutions
CHANNELS = {  # short name: channels, from the papers
    "alexnet": {f"conv{k}": c for k, c in enumerate((64, 192, 384, 256, 256), 1)} | FC,
    "vgg16": {f"conv{b}_{k}": c for b, c, n in VGG for k in range(1, n + 1)} | FC,
    "resnet18": {"conv1": 64}
    | {f"layer{s}.{n}": 32 * 2**s for s in (1, 2, 3, 4) for n in (0, 1)}
    | {"fc": 1000},
    "densenet121": {"conv1": 64, "block1": 256, "block2": 512, "block3": 1024, "block4": 1024, "fc": 1000},
    "squeezenet1_1": {"conv1": 64} | {f"fire{k}": c for k, c in enumerate(FIRES, 2)} | {"conv10": 1000},
}
SIDE = {"alexnet": 112, "vgg16": 64, "resnet18": 96, "densenet121": 64, "squeezenet1_1": 80}  # px
KERNEL = {"alexnet": 11, "vgg16": 3, "resnet18": 7, "densenet121": 7, "squeezenet1_1": 3}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """TORCH_HOME with a file of random weights for each net."""
    home = tmp_path_factory.mktemp("torch")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TORCH_HOME", str(home))
        imagenet_files.write(home)
        yield home


@pytest.fixture
def empty_home(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path / "torch"


@pytest.fixture(scope="module", params=imagenet.NETS)
def lab(request, home):
    return open_lab("imagenet", net=request.param, device="cpu")


@pytest.fixture(scope="module")
def pictures(lab):
    """Three photographs at a size between 64 and 112 px."""
    return F.interpolate(lab.gallery.images[:3], SIDE[lab.name], mode="area")


def torchvisions(name, home):
    """The net as torchvision itself loads it from the same file."""
    from torchvision import models

    with torch.device("meta"):
        net = models.get_model(name, weights=None)
    state = torch.load(home / "hub/checkpoints" / imagenet_files.FILES[name])
    net.to_empty(device="cpu").load_state_dict(state)
    return net.eval()


# --- the nets ---


def test_it_is_torchvisions_net_behind_a_normalisation(lab, pictures, home):
    reference = torchvisions(lab.name, home)
    with torch.no_grad():
        expected = reference((pictures - MEAN) / STD)
    torch.testing.assert_close(lab.logits(pictures), expected, rtol=1e-5, atol=1e-4)
    assert imagenet.weights_file(lab.name) == home / "hub/checkpoints" / imagenet_files.FILES[lab.name]
    assert isinstance(lab.net, type(reference)) and not lab.net.training
    assert lab.net.state_dict().keys() == reference.state_dict().keys()
    assert set(dict(reference.named_modules())) <= set(dict(lab.net.named_modules()))


def test_our_squeezenet_is_torchvisions():
    from torchvision import models

    net, images = imagenet.build("squeezenet", seed=3), torch.rand(2, 3, 90, 90)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        theirs = models.squeezenet1_1(weights=None).eval()
    assert repr(net) == repr(theirs)
    ours, expected = net.state_dict(), theirs.state_dict()
    assert list(ours) == list(expected) and all(torch.equal(ours[key], expected[key]) for key in expected)
    with torch.no_grad():
        assert torch.equal(net(images), theirs((images - net.mean) / net.std))
    assert list(imagenet.classes("squeezenet")) == models.SqueezeNet1_1_Weights.DEFAULT.meta["categories"]


def test_every_layer_is_there_in_order_and_after_its_relu(lab, pictures):
    """... and the tools work on each, and leave the net as it was."""
    assert list(lab.layers) == list(CHANNELS[lab.name])
    state = copy.deepcopy(lab.net.state_dict())
    with torch.no_grad(), activations(lab.net, lab.layers.values()) as found:
        logits = lab.net(pictures)
    assert list(found) == list(lab.layers.values())  # in the order in which they run
    *inner, (last_name, last) = lab.layers.items()
    for short, module in inner:
        assert found[module].shape[1] == CHANNELS[lab.name][short]
        assert found[module].min() == 0, short  # after the ReLU
    of_last = found[last].flatten(2).mean(2) if last_name == "conv10" else found[last]
    torch.testing.assert_close(of_last, logits)
    for _, module in (inner[0], inner[-1]):
        maps = features.extract(lab.net, pictures[:2], module)
        peaks = maps.flatten(2).amax((0, 2)) if maps.ndim > 2 else maps.amax(0)
        assert torch.equal(features.strongest(lab.net, pictures[:2], module), peaks)
    filters, kernel = features.first_layer_filters(lab.net), KERNEL[lab.name]
    assert filters.shape == (64, 3, kernel, kernel) and filters.min() >= 0 and filters.max() <= 1
    assert all(torch.equal(state[key], value) for key, value in lab.net.state_dict().items())
    assert not any(module._forward_hooks for module in lab.net.modules())


def test_there_is_no_answer_key(lab, capsys):
    assert lab.has_key is False and "no answer key" in repr(lab) and repr(lab.name) in repr(lab)
    assert lab.gallery.labels is lab.gallery.objects is lab.gallery.parts is lab.gallery.scenes is None
    for name in ("pairs", "hard"):
        with pytest.raises(ValueError, match=rf"no answer key.*open_lab\(\)\.{name}"):
            getattr(lab, name)
    lab.claim("filters are edges", torch.tensor(True))
    lab.claim("the net is right", np.bool_(False))
    assert capsys.readouterr().out == "holds here: filters are edges\ndoes not hold here: the net is right\n"


def test_densenets_file_may_have_its_old_names(empty_home):
    (file,) = imagenet_files.write(empty_home, ["densenet121"]).values()
    state = torch.load(file)
    renamed = partial(re.sub, r"(denselayer\d+\.(?:norm|conv))([12])", r"\1.\2")
    old = {
        renamed(key): value for key, value in state.items() if "num_batches" not in key
    }  # as in torchvision's file
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    torch.save(old, file)
    found = open_lab("imagenet", net="densenet121", device="cpu").net.state_dict()
    assert all(torch.equal(found[key], value) for key, value in state.items() if "num_batches" not in key)
    assert all(value == 0 for key, value in found.items() if "num_batches" in key)


# --- names ---


@pytest.mark.parametrize(
    ("how", "error", "words"),
    [
        ({"net": "resnet18"}, KeyError, r"in the other lab: open_lab\('imagenet', net='resnet18'\)"),
        ({"kind": "imagenet", "net": "resnet81"}, KeyError, "did you mean 'resnet18'"),
        ({"kind": "imagenet", "net": "inception_v3"}, KeyError, "expected one of: alexnet, vgg16"),
        ({"kind": "cifar"}, ValueError, "labs that exist are 'toyworld', 'photographs', 'imagenet'$"),
        ({"kind": "vgg16"}, ValueError, r"'vgg16' is a net: open_lab\('imagenet', net='vgg16'\)"),
        ({"images": "."}, ValueError, "the toy world takes no folder"),
    ],
)
def test_a_wrong_net_or_lab_is_named(how, error, words):
    with pytest.raises(error, match=words):
        open_lab(**how)


# --- the file of weights ---


def test_without_a_network_it_says_what_to_put_where(empty_home):
    from torchvision.models import get_model_weights

    with pytest.raises(imagenet.MissingWeights) as error:
        open_lab("imagenet", net="resnet18")
    expected = empty_home / "hub/checkpoints" / imagenet_files.FILES["resnet18"]
    url = get_model_weights("resnet18").DEFAULT.url  # torchvision's own, so that no place is named here
    assert url.startswith("https://") and url.endswith(f"/{expected.name}")
    for words in (str(expected), url, "47 MB", "put it there", "open_lab(): it needs none", "refused"):
        assert words in str(error.value)
    assert isinstance(error.value, OSError) and list(expected.parent.iterdir()) == []


def test_half_a_download_is_named(empty_home):
    (file,) = imagenet_files.write(empty_home, ["squeezenet1_1"]).values()
    content = file.read_bytes()
    for half in (content[: len(content) // 2], b"", b"<html>Please log in to this network</html>"):
        file.write_bytes(half)
        with pytest.raises(imagenet.DamagedWeights, match=r"half a download\. Delete it") as error:
            open_lab("imagenet", net="squeezenet1_1")
        assert str(file) in str(error.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"features.0.weight": torch.ones(1)}, "conv1.weight"),
        ({"epoch": 3, "state_dict": {}}, "conv1.weight"),
        ([1, 2], "conv1.weight"),
        ({}, "conv1.weight"),
        ({"fc.weight": torch.ones(10, 512)}, "fc.weight"),
    ],
)
def test_weights_of_another_net_are_refused(empty_home, content, words):
    (file,) = imagenet_files.write(empty_home, ["resnet18"]).values()
    right = imagenet_files.random_weights("resnet18") if "fc.weight" in content else {}
    torch.save(right | content if right else content, file)
    with pytest.raises(imagenet.DamagedWeights, match="does not hold weights of resnet18") as error:
        open_lab("imagenet", net="resnet18")
    assert words in str(error.value) and str(file) in str(error.value) and "Delete it" in str(error.value)


def offered(monkeypatch, file, place, digits=None):
    """torchvision now offers `file`, under a name with the first digits of its sha256 (or others)."""
    digits = digits or hashlib.sha256(file.read_bytes()).hexdigest()[:8]
    there = place / f"squeezenet1_1-{digits}.pth"
    there.parent.mkdir(exist_ok=True)
    there.write_bytes(file.read_bytes())
    weights = SimpleNamespace(url=there.as_uri(), meta={"_file_size": 1.7, "categories": ["cat"] * 1000})
    monkeypatch.setattr(imagenet, "_weights", lambda name: weights)
    return there


def test_the_file_is_downloaded_once_and_checked(home, empty_home, tmp_path, monkeypatch, capfd):
    source = home / "hub/checkpoints/squeezenet1_1-b8a52dc0.pth"
    there = offered(monkeypatch, source, tmp_path / "web")
    net = imagenet.load("squeezenet1_1")
    kept = empty_home / "hub/checkpoints" / there.name
    assert kept.read_bytes() == source.read_bytes() and list(kept.parent.iterdir()) == [kept]
    there.unlink()  # the second time needs no network
    assert torch.equal(imagenet.load("squeezenet1_1").features[0].weight, net.features[0].weight)
    assert capfd.readouterr().out == ""  # its sha256 is the one in its name: nothing to say


def test_a_file_that_arrives_damaged_is_not_kept(home, empty_home, tmp_path, monkeypatch):
    source = home / "hub/checkpoints/squeezenet1_1-b8a52dc0.pth"
    there = offered(monkeypatch, source, tmp_path / "web", "0123abcd")
    with pytest.raises(imagenet.MissingWeights, match="invalid hash value"):
        imagenet.load("squeezenet1_1")
    assert list((empty_home / "hub/checkpoints").iterdir()) == [] and there.exists()


def test_a_server_that_says_nothing_does_not_hang(empty_home, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/squeezenet1_1-b8a52dc0.pth"
        weights = SimpleNamespace(url=url, meta={"_file_size": 4.7})
        monkeypatch.setattr(imagenet, "_weights", lambda name: weights)
        monkeypatch.setattr(imagenet, "PATIENCE", 0.3)
        with pytest.raises(imagenet.MissingWeights, match="timed out"):
            imagenet.load("squeezenet1_1")


# --- the photographs ---


def test_shrinking_averages_instead_of_picking():
    """A checkerboard of single pixels becomes grey."""
    fine = Image.fromarray((np.indices((896, 896)).sum(0) % 2 * 255).astype(np.uint8)).convert("RGB")
    assert (photographs.largest_square(fine) - 0.5).abs().max() < 0.02


def half_red(size=(300, 200)):
    """Red above, white below."""
    pixels = np.full((size[1], size[0], 3), 255, np.uint8)
    pixels[: size[1] // 2, :, 1:] = 0
    return Image.fromarray(pixels)


def turned():
    """Stored on its side, with an EXIF tag that says so."""
    exif = Image.Exif()
    exif[0x0112] = 6  # turn clockwise to see it upright
    return half_red().rotate(90, expand=True), {"exif": exif}


def see_through():
    image = half_red().convert("RGBA")
    alpha = np.full((200, 300), 255, np.uint8)
    alpha[100:] = 0  # below: transparent black, to be seen as white
    pixels = np.dstack([np.asarray(image)[..., :3] * (alpha[..., None] > 0), alpha])
    return Image.fromarray(pixels)


RED, WHITE, BLACK, GREY = (1, 0, 0), (1, 1, 1), (0, 0, 0), (0.3, 0.3, 0.3)
KINDS = {  # file: (image, colour above, colour below)
    "plain.png": (half_red, RED, WHITE),
    "tiny.png": (lambda: half_red((3, 2)), RED, WHITE),
    "tall.png": (lambda: half_red((20, 2000)), RED, WHITE),
    "photo.jpg": (half_red, RED, WHITE),
    "turned.jpg": (turned, RED, WHITE),
    "print.jpg": (lambda: half_red().convert("CMYK"), RED, WHITE),
    "palette.png": (lambda: half_red().quantize(4), RED, WHITE),
    "through.png": (see_through, RED, WHITE),
    "grey.png": (lambda: half_red().convert("L"), GREY, WHITE),
    "grey_alpha.png": (lambda: half_red().convert("LA"), GREY, WHITE),
    "bits.png": (lambda: half_red().convert("L").point(lambda v: 255 * (v > 99), "1"), BLACK, WHITE),
    "UPPER.PNG": (half_red, RED, WHITE),
    "no_suffix": (half_red, RED, WHITE),
}


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_image_is_read(tmp_path, name):
    make, above, below = KINDS[name]
    image, options = made if isinstance(made := make(), tuple) else (made, {})
    image.save(tmp_path / name, None if "." in name else "PNG", **options)
    gallery = photographs.from_folder(tmp_path)
    assert gallery.images.shape == (1, 3, 224, 224) and gallery.files == [name] and gallery.skipped == []
    image = gallery.images[0]
    for found, colour in ((image[:, 2, 112], above), (image[:, -3, 112], below)):
        torch.testing.assert_close(found, torch.tensor(colour).float(), atol=0.04, rtol=0)


def test_palette_with_transparency_is_seen_on_white(tmp_path):
    image = half_red().quantize(4)
    image.save(tmp_path / "through.png", transparency=image.getpixel((0, 0)))
    assert (photographs.from_folder(tmp_path).images > 0.98).all()


def test_what_is_no_image_is_named_and_skipped(tmp_path, capfd, home):
    half_red().save(tmp_path / "b.png")
    half_red().save(tmp_path / "a.jpg")
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "fake.png").write_text("no image either")
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / ".hidden").write_text("not mentioned")
    (tmp_path / "half.png").write_bytes((tmp_path / "b.png").read_bytes()[:300])
    (tmp_path / "folder").mkdir()
    lab = open_lab("imagenet", net="squeezenet1_1", images=str(tmp_path), device="cpu")
    said = capfd.readouterr()
    assert "Skipped 4 of 6 files that are no images: empty.jpg, fake.png, half.png, notes.txt.\n" in said.out
    assert "fake.png" not in said.err
    assert lab.gallery.files == ["a.jpg", "b.png"] and lab.gallery.skipped[0] == "empty.jpg"
    assert "2 photographs" in repr(lab.gallery) and "4 files skipped" in repr(lab.gallery)
    assert lab.logits(lab.gallery.images).shape == (2, 1000)


def test_folders_without_images_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=f"no folder 'holiday'; it was looked for in {tmp_path}"):
        open_lab("imagenet", images="holiday")
    (tmp_path / "texts").mkdir()
    with pytest.raises(ValueError, match="texts': it is empty$"):
        open_lab("imagenet", images="texts")
    for n in range(3):
        (tmp_path / f"texts/{n}.txt").write_text("no image")
    with pytest.raises(ValueError, match=r"none of its 3 files is one \(0.txt, 1.txt, 2.txt\)"):
        open_lab("imagenet", images=tmp_path / "texts")
    with pytest.raises(ValueError, match="folders inside it are not searched"):
        open_lab("imagenet", images=tmp_path)
    with pytest.raises(NotADirectoryError, match="expected a folder, got the file"):
        open_lab("imagenet", images=tmp_path / "texts/0.txt")


@pytest.mark.parametrize("name", ["resnet18", "densenet121"])
def test_a_net_can_be_stored(name, tmp_path):
    net, images = imagenet.build(name), torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    torch.save(net, tmp_path / "net.pt")
    for again in (torch.load(tmp_path / "net.pt", weights_only=False), copy.deepcopy(net)):
        assert type(again) is type(net) and isinstance(again, torch.nn.Module)
        with torch.no_grad():
            assert torch.equal(again(images), net(images)) and again.mean.shape == (1, 3, 1, 1)
