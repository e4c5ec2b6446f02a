"""Files and folders, asked for in Slicer's own dialogs; "" when nobody answers."""

from __future__ import annotations

from pathlib import Path

import qt

IMAGES = "X-rays (*.dcm *.png *.tif *.tiff *.nii *.nii.gz *.mha *.nrrd *);;All files (*)"


def folder(title: str) -> str:
    return str(qt.QFileDialog.getExistingDirectory(None, title) or "")


def images(title: str) -> list[str]:
    return [str(one) for one in qt.QFileDialog.getOpenFileNames(None, title, "", IMAGES)]


def file(title: str, kinds: str) -> str:
    return str(qt.QFileDialog.getOpenFileName(None, title, "", kinds) or "")


def new_file(title: str, name: str, kinds: str) -> str:
    """A file to write; Qt asks before one that exists is overwritten."""
    return str(qt.QFileDialog.getSaveFileName(None, title, str(Path.home() / name), kinds) or "")
