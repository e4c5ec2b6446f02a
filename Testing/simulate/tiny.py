"""A patient small enough for tests: two lopsided bones in a block of soft tissue, and a supply of such patients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from SpineDARTLib.errors import InputError
from SpineDARTLib.simulate.draw import stream
from SpineDARTLib.simulate.imaging.labels import LANDMARK_NAMES
from SpineDARTLib.simulate.imaging.view_settings import ViewSettings
from SpineDARTLib.simulate.nouns import Patient, TrueVertebra, Volume
from SpineDARTLib.simulate.patient.grids import empty_volume, inside_mask
from SpineDARTLib.simulate.settings import SimulationSettings
from SpineDARTLib.simulate.supply import Aimed, Supply
from SpineDARTLib.types import Vertebra

CENTRE_MM = np.array([12.0, -20.0, 35.0])


def lopsided(centre: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A closed surface of a vertebra's size without any symmetry."""
    import vtk
    from vtkmodules.util.numpy_support import vtk_to_numpy

    source = vtk.vtkSphereSource()
    source.SetThetaResolution(14)
    source.SetPhiResolution(12)
    source.Update()
    mesh = source.GetOutput()
    points = 2.0 * vtk_to_numpy(mesh.GetPoints().GetData()).astype(np.float64)
    points *= np.array([21.0, 26.0, 13.0]) * (1.0 + 0.2 * points[:, :1] * points[:, 1:2])
    return points + centre, vtk_to_numpy(mesh.GetPolys().GetConnectivityArray()).reshape(-1, 3).astype(np.int64)


def bone(level: str, centre: np.ndarray) -> TrueVertebra:
    """One of its bones, filled evenly."""
    vertices, faces = lopsided(centre)
    volume = empty_volume(vertices.min(0) - 4, vertices.max(0) + 4, 2.0, "bone")
    volume.values[...] = 0.3 * inside_mask(vertices, faces, vertices.min(0) - 4, volume.values.shape, 2.0)
    pose = np.eye(4)
    pose[:3, 3] = centre
    places = np.linspace(0, len(vertices) - 1, len(LANDMARK_NAMES)).astype(int)
    landmarks = {name: vertices[place] for name, place in zip(LANDMARK_NAMES, places, strict=True)}
    ends = {side: centre + [[x, -20.0, 4.0], [0.4 * x, 14.0, -2.0]] for side, x in (("left", -13.0), ("right", 11.0))}
    return TrueVertebra(Vertebra(level, pose, 1.1, np.array([0.5, -1.0])), vertices, faces, landmarks, ends, volume)


def patient(subject: str = "tiny") -> Patient:
    """Two bones in soft tissue."""
    soft = Volume(np.ones((24, 20, 24), dtype=np.float32), np.diag([8.0, 8.0, 8.0, 1.0]))
    soft.voxel_to_world[:3, 3] = CENTRE_MM - [92.0, 60.0, 92.0]
    bones = {"L2": bone("L2", CENTRE_MM + [3.0, 0.0, 19.0]), "L3": bone("L3", CENTRE_MM - [0.0, 4.0, 18.0])}
    return Patient(subject, bones, (soft,))


@dataclass(frozen=True)
class TinySupply(Supply):
    """Patients that differ only in where they are looked at; one number has none."""

    missing: int = -1

    def patient(self, number: int) -> Aimed:
        if number == self.missing:
            raise InputError("scan.nii.gz", "", "nothing", "a patient")
        aside = stream(self.settings.seed, number).uniform(-10.0, 10.0, 3)
        return Aimed(patient(f"tiny-{number}"), "L3", CENTRE_MM + aside)


def supply(seed: int = 4, size_px: int = 96, missing: int = -1) -> TinySupply:
    """With small pictures."""
    return TinySupply(SimulationSettings(seed=seed, views=ViewSettings(size_px=size_px)), missing=missing)
