"""Every text a manager can see is translated into Chinese, and what is committed is what is used.

Catalogue: ``platform/menjin/locale/zh_Hans``. To bring it up to date see
``docs/getting-started.md``, "Working on Menjin".
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import polib
import pytest
from django.utils import translation

from face_engine import PROBLEM_WORDS
from terminal_protocol import FAULT_WORDS, FaceMatch, TemperatureReading, fault_words

ROOT = Path(__file__).parents[2]
CATALOGUE = ROOT / "platform" / "menjin" / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"
SOURCES = [ROOT / name for name in ("devices", "faces", "records", "platform")]

# Function: which of its arguments are context, text and plural.
_FUNCTIONS: dict[str, tuple[int | None, int, int | None]] = {
    "gettext": (None, 0, None),
    "ngettext": (None, 0, 1),
    "pgettext": (0, 1, None),
    "npgettext": (0, 1, 2),
}
_QUOTED = r"""(?P<quote>["'])(?P<text>.*?)(?P=quote)"""
_TAG = re.compile(
    rf"""\{{%\s*trans(?:late)?\s+{_QUOTED}(?:\s+context\s+(["'])(?P<context>.*?)\3)?"""
)
_BLOCK = re.compile(
    r"\{%\s*blocktrans(?:late)?\b(?P<options>[^%]*)%\}(?P<body>.*?)\{%\s*endblocktrans(?:late)?\s*%\}",
    re.DOTALL,
)
_PLURAL_TAG = re.compile(r"\{%\s*plural\s*%\}")
_VARIABLE = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_PLACEHOLDER = re.compile(r"%\((\w+)\)[-#0 +]*\d*(?:\.\d+)?([a-zA-Z])|\{(\w*)\}")

Text = tuple[str, str, str]


def _texts_of_module(path: Path) -> Iterator[Text]:
    """Yield (context, text, plural) of every literal that a module hands to gettext."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "django.utils.translation":
            for alias in node.names:
                function = alias.name.removesuffix("_lazy").removesuffix("_noop")
                if function in _FUNCTIONS:
                    names[alias.asname or alias.name] = function
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        if node.func.id not in names:
            continue
        context, text, plural = _FUNCTIONS[names[node.func.id]]
        if isinstance(node.args[text], ast.JoinedStr):
            pytest.fail(f"{path}:{node.lineno}: an f-string can never be translated")
        # A text that is looked up (`_(sentences[problem])`) is a literal somewhere else.
        if isinstance(node.args[text], ast.Constant):
            yield (
                "" if context is None else _literal(node.args[context]),
                _literal(node.args[text]),
                "" if plural is None else _literal(node.args[plural]),
            )


def _literal(node: ast.expr) -> str:
    if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
        raise TypeError("a text for translation must be written out")
    return node.value


def _texts_of_template(path: Path) -> Iterator[Text]:
    source = path.read_text(encoding="utf-8")
    for tag in _TAG.finditer(source):
        yield tag["context"] or "", tag["text"], ""
    for block in _BLOCK.finditer(source):
        body = _VARIABLE.sub(r"%(\1)s", block["body"])
        if "trimmed" in block["options"]:
            body = " ".join(line.strip() for line in body.splitlines() if line.strip())
        singular, *plural = _PLURAL_TAG.split(body)
        context = re.search(r"""context\s+(["'])(.*?)\1""", block["options"])
        yield (
            context[2] if context else "",
            singular.strip() if plural else singular,
            plural[0].strip() if plural else "",
        )


def _sources() -> list[Path]:
    return [
        path
        for folder in SOURCES
        for path in sorted(folder.rglob("*"))
        if path.suffix in {".py", ".html", ".txt"} and "migrations" not in path.parts
    ]


@pytest.fixture(scope="module")
def catalogue() -> polib.POFile:
    return polib.pofile(str(CATALOGUE))


@pytest.fixture(scope="module")
def translated(catalogue: polib.POFile) -> dict[Text, list[str]]:
    """Return the translations of what is translated, none of it in doubt."""
    return {
        (entry.msgctxt or "", entry.msgid, entry.msgid_plural or ""): _translations(entry)
        for entry in catalogue
        if not entry.obsolete and not entry.fuzzy and all(_translations(entry))
    }


def _translations(entry: polib.POEntry) -> list[str]:
    return list(entry.msgstr_plural.values()) if entry.msgid_plural else [entry.msgstr]


@pytest.mark.slow
def test_every_text_of_the_sources_is_translated(translated: dict[Text, list[str]]) -> None:
    missing: dict[Text, Path] = {}
    found = 0
    for path in _sources():
        read = _texts_of_module if path.suffix == ".py" else _texts_of_template
        for text in read(path):
            found += 1
            if text not in translated:
                missing.setdefault(text, path.relative_to(ROOT))

    assert found > 300  # the walk itself works
    assert missing == {}


def test_sentences_about_photos_are_translated(translated: dict[Text, list[str]]) -> None:
    assert [words for words in PROBLEM_WORDS.values() if ("", words, "") not in translated] == []


def test_sentences_about_faults_are_translated(translated: dict[Text, list[str]]) -> None:
    """What goes wrong with whole messages is listed; with single fields, it is tried out."""
    keys = ["userId", "userName", "userType", "deviceId", "uuid", "nationCode", "action", "openMsg"]
    card = [
        "name",
        "gender",
        "national",
        "birthday",
        "address",
        "id",
        "maker",
        "startDate",
        "endDate",
    ]
    numbers = ["temperature", "mask", "similarity", "actionCode", "openCode", "screenTime"]
    faults = set(FAULT_WORDS)
    # A list instead of a text, a text that is too long, and one that is far too long.
    for value in (["x"], "x" * 141, "x" * 600):
        sent = {**dict.fromkeys(keys, value), "idCardInfo": dict.fromkeys(card, value)}
        faults.update(FaceMatch.from_wire(sent).faults)
    for value in ("x" * 17, "x" * 40):
        faults.update(FaceMatch.from_wire(dict.fromkeys(keys, value)).faults)
        faults.update(FaceMatch.from_wire({"idCardInfo": dict.fromkeys(card, value)}).faults)
    odd = {**dict.fromkeys(numbers, "?"), "idCardInfo": 7, "img": "?", "IDCardImg": "?"}
    faults.update(FaceMatch.from_wire(odd).faults)
    faults.update(TemperatureReading.from_wire({"temperature": "99"}).faults)

    assert {"username_truncated", "id_card_id_too_long", "mask_unreadable"} <= faults
    missing = {fault for fault in faults if ("", fault_words(fault), "") not in translated}
    assert missing == set()


def test_nothing_in_the_catalogue_is_in_doubt(catalogue: polib.POFile) -> None:
    assert [entry.msgid for entry in catalogue if entry.fuzzy or entry.obsolete] == []
    assert [entry.msgid for entry in catalogue if not all(_translations(entry))] == []


def test_compiled_catalogue_is_up_to_date(translated: dict[Text, list[str]]) -> None:
    compiled = {
        (entry.msgctxt or "", entry.msgid, entry.msgid_plural or ""): _translations(entry)
        for entry in polib.mofile(str(CATALOGUE.with_suffix(".mo")))
    }

    assert compiled == translated


def test_placeholders_are_kept(translated: dict[Text, list[str]]) -> None:
    wrong = {
        text: translations
        for (_, text, plural), translations in translated.items()
        for translation_ in translations
        if sorted(_PLACEHOLDER.findall(translation_))
        != sorted(_PLACEHOLDER.findall(plural or text))
    }

    assert wrong == {}


def test_django_finds_the_catalogue() -> None:
    with translation.override("zh-hans"):
        assert translation.gettext("Waiting for approval") == "待审核"
        assert (
            translation.ngettext("%(count)d day ago", "%(count)d days ago", 2) == "%(count)d 天前"
        )
