"""The names of files as people see them: made harmless on the way in, written safely into headers on the way out.

A name is only ever shown. Where bytes lie is decided by storage keys, so a name with path tricks can do nothing; it is
cleaned all the same, because it will one day be the name of a download.
"""

import unicodedata
from urllib.parse import quote, unquote_to_bytes

from python_multipart.multipart import parse_options_header

LONGEST_NAME_BYTES = 255
"""What ext4, APFS and NTFS allow (the latter count UTF-16 units, so this is the stricter limit)."""

UNNAMED = "unnamed"

_NO_TEXT = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Control characters, halves of surrogate pairs, line and paragraph separators (Unicode general categories)."""
_TURNS_TEXT = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
"""Bidirectional controls, which make `exe.3pm` read `mp3.exe`, and the byte order mark (Unicode TR 36, section 3.1)."""

_LONGEST_SUFFIX_BYTES = 20


def display_name(raw: str) -> str:
    """`raw` without folders, control characters and text-direction tricks; never empty, at most 255 bytes in UTF-8."""
    last_part = raw.replace("\\", "/").rstrip("/").rpartition("/")[2]
    composed = unicodedata.normalize("NFC", last_part)
    text = "".join(c for c in composed if unicodedata.category(c) not in _NO_TEXT and c not in _TURNS_TEXT)
    name = " ".join(text.split())
    return shortened(name) if any(_can_be_seen(c) for c in name) else UNNAMED


def _can_be_seen(character: str) -> bool:
    """Joiners and other format characters cannot; a name of dots alone is a folder's."""
    return character not in " ." and unicodedata.category(character) != "Cf"


def shortened(name: str, longest_bytes: int = LONGEST_NAME_BYTES) -> str:
    """Cuts the stem and keeps the suffix, by which people and programs know the kind of file."""
    if len(name.encode()) <= longest_bytes:
        return name
    stem, dot, suffix = name.rpartition(".")
    ending = dot + suffix
    if not stem or len(ending.encode()) > _LONGEST_SUFFIX_BYTES:
        stem, ending = name, ""
    room = longest_bytes - len(ending.encode())
    return stem.encode()[:room].decode(errors="ignore").rstrip() + ending


def decode_header_name(value: str) -> str:
    """The name in an `X-Filename` header: percent-encoded UTF-8; unencoded UTF-8 is understood too."""
    return unquote_to_bytes(value.encode("latin-1")).decode(errors="replace")


def part_filename(disposition: bytes) -> str | None:
    """The file name in a part's Content-Disposition; None when the part is a plain field.

    Browsers write UTF-8 and escape only `"` as %22 (RFC 7578 section 4.2, WHATWG multipart encoding); some programs
    write `filename*` (RFC 8187), which is preferred where it stands.
    """
    text = disposition.decode("latin-1")
    extended = _extended_filename(text)
    if extended is not None:
        return extended
    _, parameters = parse_options_header(text)
    plain = parameters.get(b"filename")
    if plain is None:
        return None
    return _utf8_or_latin1(plain).replace("%22", '"')


def _extended_filename(disposition: str) -> str | None:
    for parameter in disposition.split(";")[1:]:
        key, _, value = parameter.strip().partition("=")
        charset, quoted, encoded = value.partition("''")
        if key.lower() == "filename*" and quoted and charset.lower() == "utf-8":
            return unquote_to_bytes(encoded).decode(errors="replace")
    return None


def _utf8_or_latin1(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def content_disposition(kind: str, name: str) -> str:
    """The header that names a download (RFC 6266): an ASCII fallback, and the name itself after RFC 8187."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    fallback = "".join("_" if c in '"\\%;' else c for c in plain).strip(" .") or "download"
    return f"{kind}; filename=\"{fallback}\"; filename*=UTF-8''{quote(name, safe='')}"
