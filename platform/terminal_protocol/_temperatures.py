"""Temperatures in the notations of terminals, converted to degrees Celsius."""

import html
import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal

# Outside this range it is no reading of a living person's forehead.
TEMPERATURE_MIN_C = Decimal(25)
TEMPERATURE_MAX_C = Decimal(45)
# Of two readings in one text ("36.5/97.7F"), each of them rounded.
_SAME_C = Decimal("0.2")

# What is printed for a degree sign and for a point, before NFKC makes letters and blanks of some.
POINTS = str.maketrans(
    dict.fromkeys("\u00b7\u2027\u2219\u2022\u30fb\uff65\u22c5\u02d9\u066b\u3002\uff61", ".")
)
_DRAWN = {**str.maketrans(dict.fromkeys("\u00ba\u02da\u2218\u1d52\u2070", "°")), **POINTS}
_ESCAPED = re.compile(r"\\?u([0-9A-Fa-f]{4})|\\x([0-9A-Fa-f]{2})|(?:%C2)?%(B0)", re.IGNORECASE)
# "38:6" and "38度6" are 38.6. A point that nothing readable follows stands for digits that are
# lost, so "38.x" is none.
_NUMBER = re.compile(
    r"(?P<digits>[-+]?(?:\d++(?:(?:\s*[.,]\s*|[:度点])\d++)?|\.\d++))"
    r"(?![.,:](?:[^\s\d°CcFf]|[\d°]?\d))"
    r"(?P<power>[eE][-+]?\d{1,3}(?!\d))?"
)
# Behind its number, with what a sign becomes that was read in the wrong encoding in between.
_BEHIND = re.compile(
    r"[^0-9A-Za-z]{0,8}?(?:(?-i:o(?=[FC]))|deg(?:rees?)?\.?[^0-9A-Za-z]{0,3})?"
    r"(?:(?P<f>f|fahr|fahrenheit)|c|cels|celsius|centigrade)(?![a-z])",
    re.IGNORECASE,
)
_FAHRENHEIT_ALONE = re.compile(r"(?<![a-z])(?:f|fahrenheit)(?![a-z])", re.IGNORECASE)
_FAHRENHEIT = {"1", "true", "f", "of", "fahr", "fahrenheit", "华氏", "华氏度"}
_CELSIUS = {"0", "false", "c", "oc", "cels", "celsius", "centigrade", "摄氏", "摄氏度"}
_DEGREES_WORD = re.compile(r"^(?:°|deg(?:rees?)?\.?)+")


@dataclass(frozen=True, slots=True)
class _Reading:
    """A number in a text with the unit behind it, "" without one."""

    number: Decimal
    unit: str


def unit_of_word(text: str) -> str | None:
    """Return "F" or "C" for the value of a unit field, None for an unknown one."""
    word = "".join(_plain(text).split()).lower().removesuffix(".0")
    word = _DEGREES_WORD.sub("", word)
    if word in _FAHRENHEIT:
        return "F"
    return "C" if word in _CELSIUS else None


def degrees_of_text(text: str, unit: str | None) -> tuple[Decimal | None, str | None]:
    """Return (degrees Celsius, fault) of a text that is not empty.

    Words around a reading are passed over, other numbers are not: a text with two that are not the
    same temperature is not understood.

    Args:
        text: as sent.
        unit: what a field of its own says, for numbers without a sign; None when not understood.
    """
    text = _plain(text)
    readings = _readings(text)
    if not readings:
        return None, "temperature_unreadable"
    if all(one.number == 0 for one in readings):
        return None, None
    if len(readings) > 1:
        return _agreed(readings)
    reading = readings[0]
    said = reading.unit or _unit_in_words(text, reading.number)
    if not said and unit is None:
        return None, "temperature_unit_unknown"
    degrees, fault = _living(reading.number, said or unit or "C")
    if fault and said and unit:
        # A sign printed behind every number: of a living person only one of the two can be.
        degrees, fault = _living(reading.number, unit)
    return degrees, fault


def _plain(text: str) -> str:
    """Normalise degree signs, points and digits to ASCII."""
    text = html.unescape(_ESCAPED.sub(_escaped, text)).translate(_DRAWN)
    return unicodedata.normalize("NFKC", text).strip()


def _escaped(found: re.Match[str]) -> str:
    return chr(int(found[1] or found[2] or found[3], 16))


def _readings(text: str) -> list[_Reading]:
    """Return every number of a text; [] when one of them is not understood."""
    found = list(_NUMBER.finditer(text))
    rest = _NUMBER.sub("", text)
    if not found or any(char.isdigit() for char in rest):
        return []
    ends = [one.start() for one in found[1:]] + [len(text)]
    return [
        _Reading(_number(one), _unit_behind(text[one.end() : end]))
        for one, end in zip(found, ends, strict=True)
    ]


def _number(found: re.Match[str]) -> Decimal:
    digits = re.sub(r"\s+", "", found["digits"])
    return Decimal(re.sub(r"[,:度点]", ".", digits) + (found["power"] or ""))


def _unit_behind(text: str) -> str:
    if text.lstrip("° ").startswith("华氏"):
        return "F"
    sign = _BEHIND.match(text)
    if sign is None:
        return "C" if text.lstrip("° ").startswith("摄氏") else ""
    return "F" if sign["f"] else "C"


def _unit_in_words(text: str, number: Decimal) -> str:
    """Return a unit that stands elsewhere in the text than behind its number."""
    if "华氏" in text:
        return "F"
    if "摄氏" in text:
        return "C"
    # A letter by itself may mean something else, so it counts only where it makes sense.
    is_named = _FAHRENHEIT_ALONE.search(text) is not None
    return "F" if is_named and _living(number, "F")[1] is None else ""


def _agreed(readings: list[_Reading]) -> tuple[Decimal | None, str | None]:
    """Return the value in which all readings of a text agree, whatever their units."""
    found = []
    for one in readings:
        units = [one.unit] if one.unit else ["C", "F"]
        living = [degrees for unit in units if (degrees := _living(one.number, unit)[0])]
        if not living:
            return None, "temperature_unreadable"
        found.append(living[0])
    if max(found) - min(found) > _SAME_C:
        return None, "temperature_unreadable"
    return found[0], None


def _living(number: Decimal, unit: str) -> tuple[Decimal | None, str | None]:
    degrees = (number - 32) * 5 / 9 if unit == "F" else number
    if not TEMPERATURE_MIN_C <= degrees <= TEMPERATURE_MAX_C:
        return None, "temperature_out_of_range"
    return degrees.quantize(Decimal("0.01")), None
