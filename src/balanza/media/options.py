"""The options of a conversion: what each format takes, and the reading of what a person wrote.

An option set to None counts as not given. Numbers may come as text ("44100", "192k"), as command lines and forms send
them; booleans are no numbers.
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from balanza.errors import InvalidOption, UnknownFormat
from balanza.media import encoders
from balanza.media.encoders import AudioEncoder, VideoEncoder
from balanza.media.table import FORMATS, Format
from balanza.model import OptionValue

_SHOWN = 60
"""How many characters of a wrong value a sentence repeats."""


class Option(Protocol):
    """One option of one format: reads a value, and describes itself."""

    @property
    def takes(self) -> str:
        """What it takes, to end a sentence with: `a whole number from 0 to 51`."""
        ...

    def read(self, value: object) -> OptionValue | None:
        """The normalised value; None when `value` is not one that it takes."""
        ...

    def describe(self) -> dict[str, object]: ...


@dataclass(frozen=True, slots=True)
class Number:
    minimum: float
    maximum: float
    whole: bool = True
    default: float | None = None
    unit: str = ""
    suffixes: bool = False
    """Takes "192k" and "2.5M" too."""

    @property
    def takes(self) -> str:
        kind = "a whole number" if self.whole else "a number"
        unit = f" {self.unit}" if self.unit else ""
        example = ' (or like "192k")' if self.suffixes else ""
        return f"{kind} from {self.minimum:.15g} to {self.maximum:.15g}{unit}{example}"

    def read(self, value: object) -> OptionValue | None:
        number = _number(value, suffixes=self.suffixes)
        if number is None or not self.minimum <= number <= self.maximum:
            return None
        if not self.whole:
            return float(number)
        return int(number) if number == int(number) else None

    def describe(self) -> dict[str, object]:
        kind = "integer" if self.whole else "number"
        return _known(
            type=kind, minimum=self.minimum, maximum=self.maximum, default=self.default, unit=self.unit or None
        )


@dataclass(frozen=True, slots=True)
class Choice:
    choices: tuple[str | int, ...]
    default: str | int | None = None
    unit: str = ""

    @property
    def takes(self) -> str:
        names = [str(choice) for choice in self.choices]
        return f"{', '.join(names[:-1])} or {names[-1]}" + (f" {self.unit}" if self.unit else "")

    def read(self, value: object) -> OptionValue | None:
        value = _number(value) if isinstance(self.choices[0], int) else _word(value)
        return next((choice for choice in self.choices if choice == value), None)

    def describe(self) -> dict[str, object]:
        return _known(type="choice", choices=list(self.choices), default=self.default, unit=self.unit or None)


@dataclass(frozen=True, slots=True)
class Flag:
    takes = "true or false"

    def read(self, value: object) -> OptionValue | None:
        if isinstance(value, bool):
            return value
        return {"true": True, "false": False}.get(value.strip().lower()) if isinstance(value, str) else None

    def describe(self) -> dict[str, object]:
        return {"type": "boolean", "default": False}


@dataclass(frozen=True, slots=True)
class Time:
    """A moment of the source; normalised to seconds."""

    takes = 'seconds (12.5) or a time like "1:30" or "1:02:03.5", from 0 to 1000 hours'

    def read(self, value: object) -> OptionValue | None:
        seconds = _clock(value) if isinstance(value, str) and ":" in value else _number(value)
        return float(seconds) if seconds is not None and 0 <= seconds <= 3_600_000 else None

    def describe(self) -> dict[str, object]:
        return {"type": "time", "minimum": 0, "unit": "seconds"}


@dataclass(frozen=True, slots=True)
class Resolution:
    """A box that the picture is fitted into (`1280x720`), or the length of its shorter side (`720p`)."""

    takes = '"WIDTHxHEIGHT" or "HEIGHTp", like "1280x720" or "720p", each side from 16 to 8192'

    def read(self, value: object) -> OptionValue | None:
        text = value.strip().lower() if isinstance(value, str) else ""
        if not re.fullmatch(r"[0-9]{1,5}(p|x[0-9]{1,5})", text):
            return None
        sides = [int(side) for side in text.rstrip("p").split("x")]
        return text if all(16 <= side <= 8192 for side in sides) else None

    def describe(self) -> dict[str, object]:
        return {"type": "resolution", "minimum": 16, "maximum": 8192, "examples": ["1920x1080", "720p"]}


def format_named(name: str) -> Format:
    """The format of that name, in any case and with or without a leading dot.

    Raises: UnknownFormat.
    """
    found = FORMATS.get(name.strip().lower().removeprefix(".")) if isinstance(name, str) else None
    if found is None:
        raise UnknownFormat(f"There is no output format {_shown(name)}; choose one of {', '.join(FORMATS)}.")
    return found


def options_of(format_: Format) -> dict[str, Option]:
    """The options that the format takes, by name."""
    options: dict[str, Option] = {"quality": Choice(encoders.QUALITIES, encoders.DEFAULT_QUALITY)}
    rated = format_.video or format_.audio
    if rated and rated.bitrates:
        options["bitrate"] = Number(*rated.bitrates, unit="bits per second", suffixes=True)
    if format_.video:
        options |= _picture_options(format_.video)
    if format_.audio:
        options |= _sound_options(format_.audio)
    return options | {"start": Time(), "end": Time(), "copy": Flag()}


def parse_options(format_name: str, raw: Mapping[str, object]) -> dict[str, OptionValue]:
    """The given options, checked and normalised; defaults are not filled in.

    Raises: UnknownFormat, InvalidOption.
    """
    format_ = format_named(format_name)
    options = options_of(format_)
    parsed: dict[str, OptionValue] = {}
    for name, value in raw.items():
        if name not in options:
            raise InvalidOption(f"{format_.name} has no option {_shown(name)}; it takes {', '.join(options)}.")
        if value is None:
            continue
        read = options[name].read(value)
        if read is None:
            raise InvalidOption(f"{name} cannot be {_shown(value)}: for {format_.name} give {options[name].takes}.")
        parsed[name] = read
    _refuse_contradictions(parsed)
    return parsed


_CHANGES = ("bitrate", "crf", "preset", "sample_rate", "channels", "resolution", "fps", "normalize")
"""Options that only an encode can carry out."""


def _refuse_contradictions(options: Mapping[str, OptionValue]) -> None:
    if "bitrate" in options and "crf" in options:
        raise InvalidOption("bitrate and crf exclude each other: give the bit rate or the quality, not both.")
    changed = [name for name in _CHANGES if options.get(name, False) is not False] if options.get("copy") else []
    if changed:
        raise InvalidOption(
            f"copy keeps the streams as they are, so {_listed(changed)} cannot be carried out: give one or the other."
        )
    start, end = options.get("start", 0.0), options.get("end", math.inf)
    if isinstance(start, float) and isinstance(end, float) and end <= start:
        raise InvalidOption(f"end is {end:g} s, which is not after start at {start:g} s.")


def _picture_options(video: VideoEncoder) -> dict[str, Option]:
    options: dict[str, Option] = {}
    if video.crf:
        least, greatest, default = video.crf
        options["crf"] = Number(least, greatest, default=default)
    if video.presets:
        options["preset"] = Choice(tuple(video.presets), encoders.DEFAULT_PRESET)
    return options | {"resolution": Resolution(), "fps": Number(1, video.most_fps, whole=False)}


def _sound_options(audio: AudioEncoder) -> dict[str, Option]:
    rates: Option = Number(*audio.rate_limits, unit="Hz")
    if audio.sample_rates:
        rates = Choice(audio.sample_rates, unit="Hz")
    return {"sample_rate": rates, "channels": Number(1, min(audio.max_channels, 8)), "normalize": Flag()}


def _word(value: object) -> str | None:
    return value.strip().lower() if isinstance(value, str) else None


_SUFFIXES = {"k": 1_000, "m": 1_000_000}


def _number(value: object, *, suffixes: bool = False) -> float | None:
    """A finite number, written as one or as text; None when it is neither."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str):
        text = value.strip().lower()
        scale = _SUFFIXES.get(text[-1:], 1) if suffixes else 1
        if not re.fullmatch(r"[+-]?[0-9]{1,15}(\.[0-9]{1,15})?", text[:-1] if scale > 1 else text):
            return None
        return float(text[:-1]) * scale if scale > 1 else float(text)
    # An integer beyond the range of floats is out of every range here.
    return float(value) if -1e15 < value < 1e15 else None


def _clock(text: str) -> float | None:
    """Seconds of `[HH:]MM:SS[.fraction]`."""
    match = re.fullmatch(r"(?:([0-9]{1,4}):)?([0-9]{1,2}):([0-9]{1,2}(?:\.[0-9]{1,9})?)", text.strip())
    if match is None:
        return None
    hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds if seconds < 60 else None


def _shown(value: object) -> str:
    if isinstance(value, int) and abs(value) > 10**_SHOWN:
        return "a number so large"  # and Python refuses to write the largest
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _listed(names: Iterable[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def _known(**fields: object) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value is not None}
