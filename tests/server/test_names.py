"""Display names: whatever was sent, what is kept can be shown, searched and downloaded."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from balanza.server.names import content_disposition, decode_header_name, display_name, part_filename


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        ("song.mp3", "song.mp3"),
        ("../../etc/passwd", "passwd"),
        ("/etc/passwd", "passwd"),
        ("C:\\x\\y.mp3", "y.mp3"),
        ("..\\..\\y.mp3", "y.mp3"),
        ("folder/", "folder"),
        ("a\x00b\x1b[31m.mp3", "ab[31m.mp3"),
        ("a\r\nSet-Cookie: x.mp3", "aSet-Cookie: x.mp3"),
        ("song\u202e3pm.exe", "song3pm.exe"),
        ("  two   spaces .mp3 ", "two spaces .mp3"),
        ("Mu\u0301sica n\u0303.ogg", "Música ñ.ogg"),
        ("👩‍🎤 canción.flac", "👩‍🎤 canción.flac"),
        ("<script>alert(1)</script>.mp3", "script>.mp3"),
        ("", "unnamed"),
        (".", "unnamed"),
        ("..", "unnamed"),
        ("../..", "unnamed"),
        ("///", "unnamed"),
        ("\u202e\x00", "unnamed"),
        ("\u200b\u200d", "unnamed"),
        (". .", "unnamed"),
        ("\U0001fae8 \uf8ff.mp3", "\U0001fae8 \uf8ff.mp3"),
        (".mp3", ".mp3"),
    ],
)
def test_a_name_is_kept_without_tricks(raw: str, kept: str) -> None:
    assert display_name(raw) == kept


def test_a_long_name_is_cut_in_its_stem_and_keeps_its_suffix() -> None:
    name = display_name("ñ" * 300 + ".flac")
    assert name.endswith("ñ.flac")
    assert len(name.encode()) == 255


@given(st.text(max_size=400))
@example("\ud800.mp3")
@example("a." + "b" * 300)
def test_every_name_becomes_short_visible_and_stays_as_it_is(raw: str) -> None:
    name = display_name(raw)
    assert name
    assert name not in {".", ".."}
    assert len(name.encode()) <= 255
    assert not set(name) & set("/\\\x00\r\n")
    assert not any(unicodedata.category(c) in {"Cc", "Cs"} for c in name)
    assert display_name(name) == name


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("song.mp3", "song.mp3"),
        ("canci%C3%B3n%20%25.mp3", "canción %.mp3"),
        ("canción.mp3".encode().decode("latin-1"), "canción.mp3"),
        ("bad%FFbyte.mp3", "bad\ufffdbyte.mp3"),
    ],
)
def test_the_filename_header_is_percent_encoded_utf8(header: str, name: str) -> None:
    assert decode_header_name(header) == name


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        (b'form-data; name="file"; filename="song.mp3"', "song.mp3"),
        ('form-data; name="file"; filename="canción.mp3"'.encode(), "canción.mp3"),
        (b'form-data; name="file"; filename="caf\xe9.mp3"', "café.mp3"),
        (b'form-data; name="file"; filename="a%22b.mp3"', 'a"b.mp3'),
        (b'form-data; name="file"; filename="a\\"b.mp3"', 'a"b.mp3'),
        (b'form-data; name="file"; filename="x"; filename*=UTF-8\'\'canci%C3%B3n.mp3', "canción.mp3"),
        (b'form-data; name="file"; filename="semi;colon.mp3"', "semi;colon.mp3"),
        (b'form-data; name="file"; filename=""', ""),
        (b'form-data; name="comment"', None),
        (b"", None),
    ],
)
def test_the_filename_of_a_part_is_read_as_browsers_and_programs_write_it(disposition: bytes, name: str | None) -> None:
    assert part_filename(disposition) == name


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("song.mp3", "attachment; filename=\"song.mp3\"; filename*=UTF-8''song.mp3"),
        ("canción 1.mp3", "attachment; filename=\"cancion 1.mp3\"; filename*=UTF-8''canci%C3%B3n%201.mp3"),
        ('a"b;c%.mp3', "attachment; filename=\"a_b_c_.mp3\"; filename*=UTF-8''a%22b%3Bc%25.mp3"),
        ("日本.mp3", "attachment; filename=\"mp3\"; filename*=UTF-8''%E6%97%A5%E6%9C%AC.mp3"),
        ("日本", "attachment; filename=\"download\"; filename*=UTF-8''%E6%97%A5%E6%9C%AC"),
    ],
)
def test_a_download_is_named_in_ascii_and_in_full(name: str, header: str) -> None:
    assert content_disposition("attachment", name) == header


@given(st.text(max_size=300))
def test_no_name_breaks_out_of_the_header(raw: str) -> None:
    header = content_disposition("inline", display_name(raw))
    assert header.isascii()
    assert header.isprintable()
    assert header.count('"') == 2
