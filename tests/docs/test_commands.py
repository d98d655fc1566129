"""Every command that README and guides print is one that exists, with the options it is given."""

import argparse
import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from django.core.management import get_commands, load_command_class
from django.core.management.base import CommandError

from edge_agent.__main__ import command_line_parser
from fleet.command import command_line_parser as fleet_parser
from tests.support.documents import ROOT, code_lines, documents, inline_code, words_of

# Programs of the system, which no test of this project can try.
_OF_THE_SYSTEM = {
    "apt-get", "cd", "chown", "cp", "docker", "export", "git", "mkdir", "ssh", "systemctl",
    "useradd",
}  # fmt: skip
# What a block begins with when it is no shell's: output, addresses, JSON, TOML, Python.
_NO_COMMAND = re.compile(
    r"Menjin runs|sign in as|live page|REST  |library:|\w+ walked by|terminal \d"
    r"|(OK|WARNING|FAILED)  "
    r"|(GET|POST)\s+<BaseUrl>|[{\[\"]|#|\w+ = |(manage\.py,|platform/|menjin/|terminal_api/"
    r"|terminal_protocol/"
    r"|face_engine/|server_common/|console/|devices/|faces/|records/|edge_agent/|tools/fleet/|tests/)\s|KERNEL=="
)
_PYTHON = re.compile(r"(.*/)?python3?$")
_ASSIGNED = re.compile(r"[A-Z_]+=\S*$")
_PLACEHOLDER = {"NAME": "name", "FOLDER": "folder"}


def commands() -> Iterator[tuple[str, list[str]]]:
    """Yield where a command stands and its words, blocks first, then what stands in sentences."""
    for document in documents():
        foreign = _foreign_blocks(document)
        for line in code_lines(document):
            if _NO_COMMAND.match(line.text) or (document.name, line.block) in foreign:
                continue
            for part in re.split(r" && ", line.text):
                yield line.where, _plain(part)
        for text in inline_code(document):
            if re.match(r"(\.venv/bin/)?(python3?|pytest|make|manage\.py) [\w\-./]+", text):
                yield str(document.relative_to(ROOT)), _plain(text)


def _foreign_blocks(document: Path) -> set[tuple[str, int]]:
    """Return the blocks that begin as Python or TOML does."""
    return {
        (document.name, line.block)
        for line in code_lines(document)
        if re.match(r"# pyproject\.toml|\w+ = \w+\(", line.text)
    }


def _plain(command: str) -> list[str]:
    """Return a command's words without variables set for it, redirection and optional brackets."""
    command = re.sub(r" \[([^\]]*)\]", r" \1", re.split(r" [<>] ", command)[0]).removesuffix(" …")
    inner = re.fullmatch(r"[A-Z]+=\$\((.+)\)", command)
    words = words_of(inner[1] if inner else command)
    while words and _ASSIGNED.match(words[0]) and len(words) > 1:
        words = words[1:]
    return [_PLACEHOLDER.get(word, word) for word in words]


COMMANDS = list(commands())


def _python(words: list[str]) -> None:
    if words[0] == "-m":
        _MODULES[words[1]](words[2:])
    elif words[0] == "manage.py":
        _manage(words[1:])
    else:
        _script(words)


def _manage(words: list[str]) -> None:
    name, arguments = words[0], words[1:]
    if name in {"makemessages", "compilemessages"}:
        arguments = [word for word in arguments if word != "…"]
    command = load_command_class(get_commands()[name], name)
    if arguments or name not in {"api_token", "rekey"}:
        command.create_parser("manage.py", name).parse_args(arguments)


def _script(words: list[str]) -> None:
    """Look a benchmark's options up in its text: it is not imported, which may take models."""
    path = ROOT / words[0]
    text = path.read_text()
    for option in words[1:]:
        if option.startswith("-"):
            assert f'"{option}"' in text, option
        elif "|" in option:
            assert all(f'"{one}"' in text for one in option.split("|")), option


def _agent(words: list[str]) -> None:
    if words[1:] or words[0] not in _names_alone():
        command_line_parser().parse_args(words)


def _fleet(words: list[str]) -> None:
    if words:
        fleet_parser().parse_args(words)


def _names_alone() -> set[str]:
    """Return the commands that a sentence may name without what they require."""
    told = command_line_parser().format_help()
    return set(re.findall(r"^    (\w[\w\-]*)  ", told, re.MULTILINE))


def _engine(words: list[str]) -> None:
    assert words[0] in {"install", "status"}
    assert f'"{words[0]}"' in (ROOT / "platform/face_engine/__main__.py").read_text()


def _pytest(words: list[str]) -> None:
    paths = [word for word in words if "/" in word]
    for path in paths:
        assert (ROOT / path.partition("::")[0]).exists(), path
    markers = (ROOT / "pyproject.toml").read_text()
    for option, value in pairwise(words):
        if option == "-m":
            assert f'"{value}:' in markers, value


def _make(words: list[str]) -> None:
    targets = re.findall(r"^([a-z\-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert words[0] in targets, words[0]
    for word in words[1:]:
        # The rest of a line of the guide explains the target.
        if "=" in word:
            assert word.partition("=")[0] in (ROOT / "Makefile").read_text(), word


def _pip(words: list[str]) -> None:
    """Only a checkout can be installed: there is no release yet."""
    assert words[0] == "install"
    extras = (ROOT / "pyproject.toml").read_text()
    named = [word for word in words[1:] if not word.startswith("-")]
    assert named, words
    for word in named:
        place, _, asked = word.removesuffix("]").partition("[")
        assert place.startswith((".", "/")), f"{word} is no path of a checkout"
        for extra in filter(None, asked.split(",")):
            assert re.search(rf"^{extra} = \[", extras, re.MULTILINE), extra


def _compose(words: list[str]) -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    if words[0] == "run":
        name, *command = [word for word in words[1:] if not word.startswith("-")]
        assert name in services, name
        assert command[:2] == ["python", "manage.py"]
        _manage(command[2:])
    else:
        assert words[0] in {"up", "ps", "logs", "stop", "down", "exec", "pull", "build"}, words


_MODULES: dict[str, Callable[[list[str]], None]] = {
    "edge_agent": _agent,
    "face_engine": _engine,
    "fleet": _fleet,
    "pytest": _pytest,
    "venv": lambda words: None,
    "pip": _pip,
}


def check(words: list[str]) -> bool:
    """Check a command by what would read it; False when nothing here knows it."""
    program, rest = words[0], words[1:]
    if _PYTHON.match(program):
        _python(rest)
    elif program.endswith("/pip") or program == "pip":
        _pip(rest)
    elif program in {"manage.py", "pytest", "make"}:
        {"manage.py": _manage, "pytest": _pytest, "make": _make}[program](rest)
    elif program == "docker":
        assert rest[0] == "compose"
        _compose(rest[1:])
    elif program.startswith("."):
        assert (ROOT / program).exists(), program
    else:
        return program in _OF_THE_SYSTEM or re.match(r"\w+=", program) is not None
    return True


# Run as they stand by test_samples.py.
_SAMPLES = ("curl", "call", "send", "call()", "send()")


@pytest.mark.parametrize(
    ("where", "words"), COMMANDS, ids=[f"{where} {words[0]}" for where, words in COMMANDS]
)
def test_a_printed_command_exists(where: str, words: list[str]) -> None:
    if words[0] in _SAMPLES:
        return
    try:
        known = check(words)
    except (SystemExit, KeyError, argparse.ArgumentError, CommandError, FileNotFoundError) as error:
        raise AssertionError(f"{where}: {' '.join(words)}: {error}") from error

    assert known, f"{where}: nothing here knows {words[0]}"


def test_most_commands_were_found() -> None:
    programs = {Path(words[0]).name for _, words in COMMANDS}
    assert {"make", "python", "manage.py", "docker", "pytest"} <= programs
    assert len(COMMANDS) > 80
