"""The documentation says what is true: its commands exist with their flags, its links lead somewhere."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [page for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))) if page.exists()]
_BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")
_TARGET = re.compile(r"^([a-z][a-z-]*):", re.MULTILINE)
_SEPARATORS = {"|", "||", "&&", "&", ";", ">", ">>", "<", "2>"}


@dataclass(frozen=True)
class Command:
    """One `rdr` or `make` command of a page."""

    where: str
    """page:line."""
    words: tuple[str, ...]
    """The program and its arguments; environment settings, pipes and comments are cut off."""

    def __str__(self) -> str:
        return f"{self.where} {' '.join(self.words)}"


def commands_of(page: str, text: str) -> Iterator[Command]:
    """Yield the commands of the ```sh blocks of a page; a backslash continues a line."""
    for block in _BLOCK.finditer(text):
        first_line = text.count("\n", 0, block.start(1)) + 1
        lines = block.group(1).split("\n")
        for offset, line in enumerate(lines):
            if offset and lines[offset - 1].endswith("\\"):
                continue
            following = offset
            while line.endswith("\\"):
                following += 1
                line = line[:-1] + lines[following]
            words = _program_words(line)
            if words and Path(words[0]).name in ("rdr", "make"):
                yield Command(f"{page}:{first_line + offset}", (Path(words[0]).name, *words[1:]))


def _program_words(line: str) -> list[str]:
    words = shlex.split(line, comments=True)
    while words and re.match(r"[A-Z_]+=", words[0]):
        words = words[1:]
    if words and words[0] == "torchrun" and "rdr" in words:
        words = words[words.index("rdr") :]
    end = next((index for index, word in enumerate(words) if word in _SEPARATORS), len(words))
    return words[:end]


def documented() -> list[Command]:
    return [
        command
        for page in PAGES
        for command in commands_of(str(page.relative_to(ROOT)), page.read_text(encoding="utf-8"))
    ]


def of_program(program: str) -> list[Command]:
    return [command for command in documented() if command.words[0] == program]


@cache
def help_of(*subcommands: str) -> str | None:
    """Return what `rdr SUBCOMMANDS --help` prints, or None where there is no such subcommand."""
    run = subprocess.run(
        [sys.executable, "-c", "from avatar_bridge.cli import main; raise SystemExit(main())", *subcommands, "--help"],
        cwd=ROOT,
        env=os.environ | {"COLUMNS": "300", "NO_COLOR": "1", "TERM": "dumb"},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    return run.stdout if run.returncode == 0 else None


def offers(text: str, word: str) -> bool:
    """Whether a help text names `word` as a subcommand: in {one,two}, or at the start of a line of a list."""
    return re.search(rf"[{{,]{re.escape(word)}[,}}]|^[\s│•]*{re.escape(word)}(\s|$)", text, re.MULTILINE) is not None


def problem_of(command: Command) -> str | None:
    """Return what is wrong with a documented `rdr` command, or None."""
    path: list[str] = []
    text = help_of()
    assert text is not None, "`rdr --help` fails"
    for word in command.words[1:]:
        if word.startswith("-") or (path and not offers(text, word)):
            break  # the rest are flags and values of this subcommand
        path.append(word)
        inner = help_of(*path) if offers(text, word) else None
        if inner is None:
            return f"there is no `rdr {' '.join(path)}`"
        text = inner
    flags = [word.split("=")[0] for word in command.words if re.match(r"--?[a-zA-Z]", word)]
    accepted = set(re.findall(r"(?<![\w-])--?[a-zA-Z][\w.-]*", text))
    unknown = [flag for flag in flags if flag not in accepted]
    return f"`rdr {' '.join(path)}` does not take {unknown}" if unknown else None


@pytest.mark.parametrize("command", of_program("rdr"), ids=str)
def test_rdr_commands_exist(command: Command) -> None:
    assert (problem := problem_of(command)) is None, f"{command}: {problem}"


@pytest.mark.parametrize("command", of_program("make"), ids=str)
def test_make_targets_exist(command: Command) -> None:
    wanted = {word for word in command.words[1:] if not word.startswith("-") and "=" not in word}
    missing = wanted - set(_TARGET.findall((ROOT / "Makefile").read_text(encoding="utf-8")))
    assert not missing, f"{command}: the Makefile has no target {sorted(missing)}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    broken = [link for link in _LINK.findall(page.read_text(encoding="utf-8")) if not (page.parent / link).exists()]
    assert not broken, f"{page.name} links to {broken}"


def test_every_page_is_in_the_index() -> None:
    linked = set(_LINK.findall((ROOT / "docs" / "index.md").read_text(encoding="utf-8")))
    unlisted = {page.name for page in PAGES if page.parent.name == "docs"} - linked - {"index.md"}
    assert not unlisted, f"add a line for {sorted(unlisted)} to docs/index.md"


def test_commands_are_found_where_they_are() -> None:
    text = (
        "intro\n\n```sh\nRDR_DATA=x .venv/bin/rdr track a.mp4 \\\n    --out b.mcap  # why\nls\nmake demo && ls\n```\n\n"
        "```\nrdr not-shell\n```\n"
    )
    assert list(commands_of("page.md", text)) == [
        Command("page.md:4", ("rdr", "track", "a.mp4", "--out", "b.mcap")),
        Command("page.md:7", ("make", "demo")),
    ]
