"""Mapping files: which shape drives which, as JSON that people write; the same files that `rdr convert` reads.

`mute` and `solo` are of the add-on only and stand in a file only where they are set.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

from .errors import MappingError
from .mapping import MAX_ENTRIES, Entry, ShapeMapping, check_known

FORMAT: Final = "rdr-retarget"
VERSION: Final = 1
MAX_FILE_BYTES: Final = 1 << 20
PRESETS: Final = Path(__file__).resolve().parents[1] / "presets"


def preset_names() -> tuple[str, ...]:
    """Return the names of the mappings that come with the add-on."""
    return tuple(sorted(path.stem for path in PRESETS.glob("*.json")))


def load_preset(name: str) -> ShapeMapping:
    """Return a mapping that comes with the add-on."""
    check_known("preset", name, preset_names())
    return read_mapping(PRESETS / f"{name}.json")


def read_mapping(path: Path) -> ShapeMapping:
    """Return the mapping in a file. Raises MappingError, one line that names the file and the place."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise MappingError(f"cannot open the mapping {path}: {error.strerror}") from None
    if len(content) > MAX_FILE_BYTES:
        raise MappingError(f"{path}: a mapping has at most {MAX_FILE_BYTES} bytes; is this another file?")
    return parse_mapping(_read_json(content, str(path)), str(path))


def write_mapping(path: Path, mapping: ShapeMapping) -> None:
    """Write a mapping, whole or not at all. Raises MappingError."""
    temporary = path.with_name(f".{path.name}.part")
    try:
        temporary.write_text(to_json(mapping), encoding="utf-8")
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise MappingError(f"cannot write the mapping {path}: {error.strerror}") from None


def to_json(mapping: ShapeMapping) -> str:
    """Return a mapping as the text of its file, one entry a line."""
    head = {
        "format": FORMAT,
        "version": VERSION,
        "name": mapping.name,
        "about": mapping.about,
        "target_range": list(mapping.target_range),
        "targets": list(mapping.targets),
    }
    lines = [f'  "{key}": {json.dumps(value, ensure_ascii=False)}' for key, value in head.items()]
    entries = ",\n".join(f"    {json.dumps(_entry(entry), ensure_ascii=False)}" for entry in mapping.entries)
    return "{\n" + ",\n".join([*lines, f'  "entries": [\n{entries}\n  ]']) + "\n}\n"


def parse_mapping(document: Any, where: str) -> ShapeMapping:
    """Return the mapping that a JSON document describes; where: the file's name, for messages."""
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise MappingError(f'{where}: a mapping is a JSON object with "format": "{FORMAT}"; is this another file?')
    if document.get("version") != VERSION:
        raise MappingError(f"{where}: version must be {VERSION}, got {document.get('version')!r:.40}: update RDR Live")
    try:
        known = ("format", "version", "name", "about", "targets", "target_range", "entries")
        _check_keys("a mapping", document, known, needed=("targets", "entries"))
        entries = [_parse_entry(number, item) for number, item in enumerate(_list("entries", document["entries"]), 1)]
        targets = _list("targets", document["targets"])
        if not targets:
            raise MappingError(f"a mapping has 1 to {MAX_ENTRIES} targets, got none")
        return ShapeMapping(
            targets=tuple(targets),
            entries=tuple(entries),
            target_range=document.get("target_range", (0.0, 1.0)),
            name=str(document.get("name", "")),
            about=str(document.get("about", "")),
        )
    except MappingError as error:
        raise MappingError(f"{where}: {error}") from None


def _entry(entry: Entry) -> dict[str, Any]:
    """Return an entry as JSON, without what is as it always is."""
    usual = Entry(entry.source, entry.target)
    values = {field.name: getattr(entry, field.name) for field in fields(Entry)}
    kept = {name: value for name, value in values.items() if value != getattr(usual, name)}
    return {"source": entry.source, "target": entry.target, **kept}


def _parse_entry(number: int, item: Any) -> Entry:
    if not isinstance(item, dict):
        raise MappingError(f"entry {number} must be an object, got {item!r:.40}")
    names = tuple(field.name for field in fields(Entry))
    _check_keys(f"entry {number}", item, names, needed=("source", "target"))
    try:
        return Entry(**item)
    except MappingError as error:
        raise MappingError(f"entry {number}: {error}") from None


def _read_json(content: bytes, where: str) -> Any:
    try:
        return json.loads(content.decode("utf-8-sig"), object_pairs_hook=_no_key_twice)
    except RecursionError:
        raise MappingError(f"{where} is no mapping: it is nested too deeply") from None
    except ValueError as error:  # also of UTF-8
        raise MappingError(f"{where} is no valid JSON: {error}") from None


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """JSON would let the last one win without a word."""
    made = dict(pairs)
    if len(made) < len(pairs):
        twice = next(key for index, (key, _) in enumerate(pairs) if key in dict(pairs[:index]))
        raise ValueError(f"the key {twice!r:.40} is there twice in one object")
    return made


def _check_keys(what: str, item: Mapping[str, Any], known: Sequence[str], needed: Sequence[str]) -> None:
    for key in item:
        check_known(f"key of {what}", key, known)
    missing = [key for key in needed if key not in item]
    if missing:
        raise MappingError(f"{what} lacks {', '.join(missing)}")


def _list(what: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise MappingError(f"{what} must be a list, got {value!r:.40}")
    return value
