"""Writing so that a crash leaves the old files or the new ones, never half of either."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

from ..errors import InputError


@contextlib.contextmanager
def new_folder(folder: Path, marker: str, owned: Collection[str] = ()) -> Iterator[Path]:
    """A temporary folder that becomes ``folder`` when the block ends well, and vanishes when it does not.

    Args:
        folder: need not exist. If it holds files, it must hold the marker.
        marker: the file that shows a folder to be of this kind ("plan.json"); it appears last.
        owned: names in the old folder that the new one replaces; anything else there (a review, a truth) is kept.

    Raises:
        InputError: the folder is a file, cannot be written, or holds files but not the marker.
    """
    folder = Path(os.path.abspath(folder))
    check_writable(folder, marker)
    temporary = _temporary_for(folder)
    try:
        yield temporary
        _move_in(temporary, folder, marker, owned)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def check_file(field: str, path: Path) -> None:
    """Find out before any work whether a file can be written.

    Raises:
        InputError: it is a folder, or in none that is there and can be written.
    """
    if path.is_dir() or not path.parent.is_dir():
        raise InputError(field, "", path, "a file in a folder that is there")
    check_writable(path.parent)


def check_writable(folder: Path | str, marker: str = "") -> None:
    """Find out before any work whether a folder can be written.

    Args:
        folder: need not exist; its parents are not made yet.
        marker: where given, a folder that holds files must hold this one.

    Raises:
        InputError: it or a parent is a file, it is not writable, or it holds something else.
    """
    folder = Path(os.path.abspath(folder))
    existing = folder
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    if not existing.is_dir():
        raise InputError(folder, "", f"a file at {existing}", "a folder that can be written")
    if marker and existing == folder and not (folder / marker).exists() and any(folder.iterdir()):
        raise InputError(folder, "", "a folder with other files in it", f"a new or empty folder, or one with {marker}")
    try:
        # Asking for permission is not enough: network and read-only mounts answer yes and mean no.
        with tempfile.NamedTemporaryFile(dir=existing, prefix=".spinedart-"):
            pass
    except OSError as error:
        raise InputError(folder, "", error.strerror or error, "a folder that can be written") from None


def write_atomically(path: Path, data: bytes) -> None:
    """Write one file under a temporary name and rename it.

    Raises:
        InputError: the folder cannot be written.
    """
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".partial")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
            os.chmod(temporary, 0o666 & ~_umask())
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise InputError(path, "", error.strerror or error, "a file that can be written") from None


def _temporary_for(folder: Path) -> Path:
    """A new folder beside the given one, or inside it where it cannot be replaced as a whole."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        parent = folder if _must_stay(folder) else folder.parent
        temporary = Path(tempfile.mkdtemp(dir=parent, prefix=f".{folder.name}.", suffix=".partial"))
        temporary.chmod(0o777 & ~_umask())
    except OSError as error:
        raise InputError(folder, "", error.strerror or error, "a folder that can be written") from None
    return temporary


def _must_stay(folder: Path) -> bool:
    """Mount points, symbolic links, somebody's working folder, and folders in one that cannot be written stay."""
    if not folder.exists():
        return False
    here = Path.cwd()
    fixed = folder.is_symlink() or os.path.ismount(folder) or here == folder or folder in here.parents
    return fixed or not os.access(folder.parent, os.W_OK)


def _move_in(temporary: Path, folder: Path, marker: str, owned: Collection[str]) -> None:
    try:
        if temporary.parent == folder:
            _replace_files(temporary, folder, marker)
        else:
            _replace_folder(temporary, folder, owned)
    except OSError as error:
        raise InputError(folder, "", error.strerror or error, "a folder that can be written") from None


def _replace_folder(temporary: Path, folder: Path, owned: Collection[str]) -> None:
    """Swap whole folders; what is not ours goes along as a copy, so the old folder stays whole until the end."""
    if not folder.exists():
        os.rename(temporary, folder)
        return
    for entry in folder.iterdir():
        target = temporary / entry.name
        if entry.name in owned or target.exists():
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.copytree(entry, target, symlinks=True)
        else:
            shutil.copy2(entry, target, follow_symlinks=False)
    old = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}.", suffix=".old"))
    os.rename(folder, old / folder.name)
    try:
        os.rename(temporary, folder)
    except OSError:
        os.rename(old / folder.name, folder)
        old.rmdir()
        raise
    shutil.rmtree(old, ignore_errors=True)


def _replace_files(temporary: Path, folder: Path, marker: str) -> None:
    """File by file, the marker last: where the folder itself cannot be swapped."""
    for entry in sorted(temporary.iterdir(), key=lambda entry: entry.name == marker):
        target = folder / entry.name
        if entry.is_dir() and target.is_dir():
            shutil.rmtree(target)
        os.replace(entry, target)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
