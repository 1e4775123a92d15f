"""Where results go: each has one place, appears there whole or not at all, and overwrites nothing unless asked to."""

import mimetypes
import os
import shutil
import tempfile
from pathlib import Path

from balanza.cli.inputs import Input, printable
from balanza.errors import Conflict, InvalidRequest, StorageError
from balanza.media.formats import FORMATS, format_named, output_name

EXTENSIONS = frozenset(one.extension for one in FORMATS.values())


class AlreadyThere(Conflict):
    """The source has the asked format already, and its result would take its own place."""


class Outputs:
    """The places of one run's results."""

    def __init__(self, target: Path | None, format_name: str, sources: list[Input], *, force: bool) -> None:
        """Raises InvalidRequest when `target` is neither a folder nor the one result."""
        self._format = format_name
        self._force = force
        self._is_file = target is not None and names_a_file(target, format_name, sources)
        if target is not None and sources and not self._is_file and (reason := _why_no_folder(target, format_name)):
            raise InvalidRequest(reason)
        self._target = target
        self._sources = {os.path.realpath(source.path) for source in sources if source.path is not None}
        self._claimed: dict[str, Input] = {}

    @property
    def folder(self) -> Path | None:
        """The folder that was asked for; None when results go beside their sources."""
        return self._target.parent if self._is_file and self._target else self._target

    def claim(self, source: Input) -> Path | None:
        """The place for the result of `source`, which no other result of this run gets; None is standard output.

        Raises: Conflict.
        """
        place = self._place_of(source)
        if place is None:
            return None
        real = os.path.realpath(place)
        if source.path is not None and os.path.realpath(source.path) == real:
            raise AlreadyThere(f"{source.shown} would be overwritten by its own result; choose another folder with -o.")
        if real in self._sources:
            raise Conflict(f"{place} is itself one of the files to convert; choose another folder with -o.")
        if other := self._claimed.get(real):
            raise Conflict(f"{place} is already the result of {other.shown}; choose another folder with -o.")
        if not self._force and os.path.lexists(place):
            raise _exists(place)
        self._claimed[real] = source
        return place

    def release(self, place: Path | None) -> None:
        """No result comes to this place after all."""
        if place is not None:
            self._claimed.pop(os.path.realpath(place), None)

    def publish(self, result: Path, place: Path) -> None:
        """Moves `result` to its place. Raises Conflict when something is there by now, StorageError."""
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            _move(result, place, force=self._force)
        except FileExistsError as error:
            raise _exists(place) from error
        except OSError as error:
            raise StorageError(
                f"{place} cannot be written: {error.strerror}. Choose another folder with -o."
            ) from error

    def _place_of(self, source: Input) -> Path | None:
        if self._is_file:
            return self._target
        name = output_name(source.name, self._format)
        if self._target is not None:
            return self._target / source.relative.parent / name
        # What came through a pipe leaves through one.
        return None if source.path is None else source.path.parent / name


def names_a_file(target: Path, format_name: str, sources: list[Input]) -> bool:
    """Whether `-o song.mp3` means a file: for one source, when that is no folder and ends like the format."""
    is_one = len(sources) == 1 and len(sources[0].relative.parts) == 1
    return is_one and target.suffix.lower() == f".{format_named(format_name).extension}" and not target.is_dir()


def _why_no_folder(target: Path, format_name: str) -> str | None:
    """A folder that does not exist yet will be made, unless its name is surely meant for a file."""
    if target.is_dir():
        return None
    shown = printable(str(target))
    if target.exists():
        return f"{shown} is a file, not a folder; name a folder with -o."
    kind = mimetypes.guess_type(target.name)[0] or ""
    if target.suffix.lower().removeprefix(".") in EXTENSIONS or kind.startswith(("audio/", "video/")):
        extension = format_named(format_name).extension
        return f"{shown} cannot be the result: name a folder with -o, or for one file a name that ends in .{extension}."
    return None


def _move(result: Path, place: Path, *, force: bool) -> None:
    if result.stat().st_dev != place.parent.stat().st_dev:
        result = _copy_beside(result, place)
    try:
        if force:
            result.replace(place)
        else:
            _move_into_free_place(result, place)
    except BaseException:
        result.unlink(missing_ok=True)
        raise


def _move_into_free_place(result: Path, place: Path) -> None:
    """A link fails when the place is taken, a rename would not; some file systems (FAT) have no links."""
    try:
        os.link(result, place)
    except FileExistsError:
        raise
    except OSError:
        place.touch(exist_ok=False)
        result.replace(place)
    else:
        result.unlink()


def _copy_beside(result: Path, place: Path) -> Path:
    descriptor, name = tempfile.mkstemp(prefix=".balanza-", dir=place.parent)
    copy = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as target, result.open("rb") as source:
            shutil.copyfileobj(source, target, 1024 * 1024)
        shutil.copymode(result, copy)
    except BaseException:
        copy.unlink(missing_ok=True)
        raise
    return copy


def _exists(place: Path) -> Conflict:
    return Conflict(f"{place} exists already; overwrite it with --force, or choose another folder with -o.")
