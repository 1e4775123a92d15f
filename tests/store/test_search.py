"""Finding files in a library: by name, by kind, in each order, page by page."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from balanza.model import Probe, Stream, StreamKind
from balanza.store import library
from balanza.store.search import Question, Sort, list_media
from tests.store.scene import Scene, a_media

SOUND = Stream(0, StreamKind.AUDIO, "flac")
COVER = Stream(1, StreamKind.VIDEO, "mjpeg", is_cover=True)
PICTURE = Stream(1, StreamKind.VIDEO, "h264")


@pytest.fixture
def full(scene: Scene) -> Scene:
    for name, streams, seconds, size in (
        ("Canción de cuna.flac", (SOUND, COVER), 60.0, 300),
        ("boda 100%.mov", (SOUND, PICTURE), 600.0, 900),
        ("CANCION_nueva.mp3", (SOUND,), None, 300),
        ("Ánimo.mp3", (SOUND,), 60.0, 100),
    ):
        made = a_media(name, name=name)
        scene.do(library.insert, replace(made, probe=Probe("x", seconds, None, streams), size_bytes=size))
    scene.do(library.insert, replace(a_media("other", name="canción ajena.mp3"), owner_id="somebody else"))
    return scene


def found(scene: Scene, limit: int = 9, **question: Any) -> list[str]:
    return [name for page in pages(scene, limit, Question(**question)) for name in page]


def pages(scene: Scene, limit: int, question: Question) -> Iterator[list[str]]:
    before = None
    while page := scene.see(list_media, question, owner_id="local", before=before, limit=limit):
        yield [media.name for media in page if media.id != "song"]
        before = page[-1].id


@pytest.mark.parametrize(
    ("search", "names"),
    [
        ("cancion", ["CANCION_nueva.mp3", "Canción de cuna.flac"]),
        ("CANCIÓN", ["CANCION_nueva.mp3", "Canción de cuna.flac"]),
        ("N_N", ["CANCION_nueva.mp3"]),
        ("100%", ["boda 100%.mov"]),
        ("%", ["boda 100%.mov"]),
        ("nothing like it", []),
    ],
)
def test_a_part_of_the_name_finds_it_in_any_case_and_without_accents(
    full: Scene, search: str, names: list[str]
) -> None:
    assert found(full, search=search) == names


def test_a_cover_makes_no_film(full: Scene) -> None:
    assert found(full, kind="video") == ["boda 100%.mov"]
    assert len(found(full, kind="audio")) == 3


@pytest.mark.parametrize("limit", [1, 2, 9])
@pytest.mark.parametrize(
    ("sort", "names"),
    [
        (Sort.NEWEST, ["Ánimo.mp3", "CANCION_nueva.mp3", "boda 100%.mov", "Canción de cuna.flac"]),
        (Sort.OLDEST, ["Canción de cuna.flac", "boda 100%.mov", "CANCION_nueva.mp3", "Ánimo.mp3"]),
        (Sort.NAME, ["Ánimo.mp3", "boda 100%.mov", "Canción de cuna.flac", "CANCION_nueva.mp3"]),
        (Sort.LARGEST, ["boda 100%.mov", "CANCION_nueva.mp3", "Canción de cuna.flac", "Ánimo.mp3"]),
        (Sort.LONGEST, ["boda 100%.mov", "Ánimo.mp3", "Canción de cuna.flac", "CANCION_nueva.mp3"]),
    ],
)
def test_each_order_holds_over_all_pages(full: Scene, sort: Sort, names: list[str], limit: int) -> None:
    full.do(library.put_into_trash, "song", full_start())

    assert found(full, limit, sort=sort) == names


def full_start() -> Any:
    return a_media("any").created_at


def test_a_renamed_file_is_found_under_its_new_name(full: Scene) -> None:
    media = full.see(library.get, "Ánimo.mp3")
    assert media is not None

    assert full.do(library.rename, media, "Desánimo.mp3")

    assert found(full, search="desanimo") == ["Desánimo.mp3"]
