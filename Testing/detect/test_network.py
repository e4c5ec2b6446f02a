"""The detector's parts: what goes in and out, what it does not look at, and its weights on disk."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch

from SpineDARTLib.detect import decode
from SpineDARTLib.detect.architecture import CPU, GPU, TINY, Architecture
from SpineDARTLib.detect.backbone import prepare
from SpineDARTLib.detect.canonical import canonical_frame, move
from SpineDARTLib.detect.decode import check_size, find_vertebrae
from SpineDARTLib.detect.find import LANDMARK_NAMES, _uncut, detect
from SpineDARTLib.detect.heads import UNIT_PX, Dense
from SpineDARTLib.detect.network import WIDEN, Network, Seen
from SpineDARTLib.detect.weights import Detector, load_detector, save_detector
from SpineDARTLib.errors import InputError
from SpineDARTLib.simulate.imaging import labels
from Testing.detect.views import view_of


@pytest.fixture(scope="module")
def network() -> Network:
    torch.manual_seed(3)
    return Network(TINY).eval()


def planted(
    network: Network, monkeypatch, places: list[tuple[int, int]], said: tuple[float, ...] = (0.1, 0.1, 0.9, 0.9)
) -> None:
    """Make the first stage see a centre in these cells (row, column), the boxes 40 px wide and 20 high, and the second
    stage say where in its cut the box is; it agrees with the first one if nothing is given."""
    monkeypatch.setattr(network.crops.box, "forward", lambda least: torch.tensor(said).expand(len(least), 4))
    seen_before = network.see

    def see(images):
        seen = seen_before(images)
        heat = torch.full_like(seen.dense.heat, -9.0)
        for rank, (row, column) in enumerate(places):
            heat[:, row, column] = 3.0 - 0.5 * rank
        box = torch.tensor([20.0, 10.0, 20.0, 10.0])[:, None, None] / UNIT_PX
        dense = replace(seen.dense, heat=heat, box=box.expand_as(seen.dense.box), offset=0 * seen.dense.offset)
        return Seen(seen.prepared, seen.features, dense)

    monkeypatch.setattr(network, "see", see)


def test_the_landmarks_are_those_of_the_labels():
    assert LANDMARK_NAMES == labels.LANDMARK_NAMES


def test_both_stages(network):
    rois = torch.tensor([[0.0, 4, 4, 40, 30], [1, -10, 3, 20, 60], [1, 30, 30, 50, 50]])
    dense, crops, level = network(torch.rand(2, 64, 64), rois)
    assert isinstance(dense, Dense)
    assert dense.heat.shape == (2, 8, 8)
    assert crops.mask.shape == (3, 16, 16)
    assert level.shape == (3, 17)
    assert ((crops.mean > 0) & (crops.mean < 1)).all()


def test_grey_values_may_be_stretched():
    images = torch.rand(2, 64, 64)
    assert torch.allclose(prepare(images), prepare(7.0 * images - 3.0), atol=1e-3)


def test_a_picture_of_one_grey_value_is_no_trouble(network):
    for one in find_vertebrae(network, torch.zeros(1, 64, 64), 0.0):
        assert torch.isfinite(one.levels).all()


def test_neighbours_stay_and_doubles_go(network, monkeypatch):
    planted(network, monkeypatch, [(1, 4), (4, 4), (6, 4), (6, 6)])
    found = find_vertebrae(network, torch.rand(1, 64, 64))[0]
    assert found.centres.round().tolist() == [[36, 12], [36, 36], [36, 52], [52, 52]]
    assert found.boxes[0].tolist() == pytest.approx([15.5, 1.5, 55.5, 21.5])


def test_the_second_look_is_at_the_box_that_the_first_one_said(network, monkeypatch):
    monkeypatch.setattr(decode, "REFINED", 1)
    planted(network, monkeypatch, [(2, 4)], (0.2, 0.1, 0.9, 0.7))  # of a cut that is 50 px wide and 25 high
    found = find_vertebrae(network, torch.rand(1, 64, 64))[0]
    assert found.boxes[0].tolist() == pytest.approx([20.5, 9.5, 55.5, 24.5])
    assert (found.rois[0, 2:] - found.rois[0, :2]).tolist() == pytest.approx([35 * WIDEN, 15 * WIDEN])


def test_detections_are_in_the_stored_pictures_pixels(network, monkeypatch):
    planted(network, monkeypatch, [(2, 4)])
    view = view_of(180.0, 90.0)
    found = detect([view], Detector(network, {}))["V"][0]
    frame = canonical_frame(view, 64)
    centre = move(np.array([35.5, 19.5]), frame.to_stored)
    assert np.allclose((found.box_px[:2] + found.box_px[2:]) / 2, centre)
    assert set(found.landmarks) == set(LANDMARK_NAMES)
    mark = found.landmarks["left_pedicle"]
    assert np.linalg.eigvalsh(mark.covariance_px2).min() > 0
    assert found.level_probabilities.sum() == pytest.approx(1.0)
    assert found.mask is not None and found.mask.values.shape[0] > found.mask.values.shape[1]  # it is turned


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_crop_is_laid_back_where_it_was_cut(mirrored):
    view = view_of(170.0, 90.0, mirrored)
    frame = canonical_frame(view, 64)
    roi = np.array([10.0, 20.0, 50.0, 40.0])
    y, x = np.mgrid[:16, :16]
    values = np.exp(-((x - 3.0) ** 2 + (y - 9.0) ** 2) / 4.0)
    crop = _uncut(values, roi, frame, view)
    rows, columns = np.mgrid[: crop.values.shape[0], : crop.values.shape[1]]
    total = crop.values.sum()
    place = np.array(
        [(crop.values * columns).sum() / total + crop.column, (crop.values * rows).sum() / total + crop.row]
    )
    there = np.array([10.0 + 3.5 / 16 * 40 - 0.5, 20.0 + 9.5 / 16 * 20 - 0.5])
    assert np.allclose(place, move(there, frame.to_stored), atol=0.3)


def test_sizes_go_together():
    for one in (CPU, GPU, TINY):
        check_size(one)
        assert Architecture.from_json(json.loads(json.dumps(one.as_json()))) == one
    with pytest.raises(ValueError, match="whole windows"):
        check_size(replace(CPU, size_px=384))


def test_weights_are_small_enough():
    for one in (CPU, GPU):
        assert 2 * sum(value.numel() for value in Network(one).parameters()) < 30e6


def test_weights_come_back(tmp_path, network):
    path = save_detector(tmp_path, network, network.state_dict(), {"seed": 4})
    detector = load_detector(tmp_path)
    assert detector.card["seed"] == 4
    images, rois = torch.rand(1, 64, 64), torch.tensor([[0.0, 4, 4, 40, 30]])
    assert torch.allclose(detector.network(images, rois)[1].mask, network(images, rois)[1].mask, atol=0.02)
    path.write_bytes(path.read_bytes()[:-1] + b"\x07")
    with pytest.raises(InputError, match="sha256"):
        load_detector(tmp_path)


def weights_with(folder, data: bytes) -> None:
    """Put other bytes in the weights' place, and their hash on the card."""
    (folder / "detector.safetensors").write_bytes(data)
    card = json.loads((folder / "detector.json").read_text(encoding="utf-8"))
    card["sha256"] = hashlib.sha256(data).hexdigest()
    (folder / "detector.json").write_text(json.dumps(card), encoding="utf-8")


def test_a_pickle_is_never_opened(tmp_path, network):
    """Also where the card has its hash: whoever made both must not be able to run anything."""
    save_detector(tmp_path, network, network.state_dict(), {})
    trap = tmp_path / "sprung"

    class Trap:
        def __reduce__(self):
            return (open, (str(trap), "w"))

    whole = io.BytesIO()
    torch.save({"weight": Trap()}, whole)
    for data in (pickle.dumps(Trap()), whole.getvalue()):
        weights_with(tmp_path, data)
        with pytest.raises(InputError, match="weights of a detector"):
            load_detector(tmp_path)
    assert not trap.exists()


def test_weights_cut_short(tmp_path, network):
    path = save_detector(tmp_path, network, network.state_dict(), {})
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match="sha256"):
        load_detector(tmp_path)
    for cut in (data[: len(data) // 2], data[:4], b""):
        weights_with(tmp_path, cut)
        with pytest.raises(InputError, match="weights of a detector"):
            load_detector(tmp_path)


def test_weights_of_another_network(tmp_path, network):
    torch.manual_seed(0)
    other = Network(replace(TINY, channels=32))
    save_detector(tmp_path, network, other.state_dict(), {})
    with pytest.raises(InputError, match="weights of a detector"):
        load_detector(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "spinedart-detector/1", "sha256": 3}'])
def test_a_card_that_is_none(tmp_path, network, text):
    save_detector(tmp_path, network, network.state_dict(), {})
    (tmp_path / "detector.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="detector"):
        load_detector(tmp_path)


def test_no_weights_say_what_to_do(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="click each vertebral body's centre"):
        load_detector(tmp_path)
    (tmp_path / "weights").mkdir()
    monkeypatch.setenv("SPINEDART_RESOURCES", str(tmp_path))
    with pytest.raises(InputError, match="spinedart train detector"):
        load_detector()


def test_nothing_found_is_an_answer(network):
    found = find_vertebrae(network, torch.rand(2, 64, 64), 0.999)
    assert [len(one.scores) for one in found] == [0, 0]
    assert detect([view_of(0.0)], Detector(network, {}), 0.999) == {"V": ()}
    dense, crops, level = network(torch.rand(1, 64, 64), torch.zeros(0, 5))
    assert len(level) == len(crops.mask) == 0
    assert torch.isfinite(dense.heat).all()
