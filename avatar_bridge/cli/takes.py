"""`rdr takes`."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import tyro

from avatar_bridge.cli.status import status_line
from avatar_bridge.errors import RecordingError

if TYPE_CHECKING:
    from avatar_bridge.recording.outline import TakeOutline
    from avatar_bridge.recording.summary import FaceSummary, TakeSummary
    from avatar_bridge.recording.take import Take

_KNOWN: Final = frozenset(
    ("session", "source", "rdr-live", "protocol", "take", "created_unix_ns", "source_size_px", "source_rate_hz")
    + ("network", "network_sha256", "smoothing", "filters", "user", "blendshape_names")
)  # fmt: skip
_SPANS_SHOWN: Final = 8


def takes(
    paths: Annotated[tuple[Path, ...], tyro.conf.Positional] = (Path("."),),
    repair: bool = False,
    json_output: Annotated[bool, tyro.conf.arg(name="json")] = False,
) -> None:
    """List the takes of a folder, show what is in one, or make one whole that was cut off.

    Examples:
        rdr takes out
        rdr takes out/take1.mcap
        rdr takes --repair out/take1.mcap.partial

    Args:
        paths: Folders to list, takes to show.
        repair: Write takes that were cut off anew, whole, from what can be read of them; in folders all such takes. The
            file as it was stays as NAME.mcap.cut.
        json_output: As JSON.
    """
    for path in paths:
        if not path.exists():
            raise RecordingError(f"no such take or folder: {path}")
    if repair:
        repair_all(list(_cut_takes(paths)))
        return
    shown = [_listing(path, json_output) if path.is_dir() else _details(path, json_output) for path in paths]
    print(json.dumps(shown if len(shown) > 1 else shown[0], indent=2) if json_output else "\n\n".join(shown))


def repair_all(paths: list[Path]) -> None:
    """Make takes whole, and say what became of each."""
    from avatar_bridge.recording import read_take
    from avatar_bridge.recording.repair import repair

    if not paths:
        print("every take is whole: there is nothing to repair")
    for path in paths:
        with status_line(None) as show:

            def progress(messages: int, path: Path = path) -> None:
                show(0, f"repairing {path}: {messages} messages")

            whole, cut, copied = repair(read_take(path), progress)
        print(f"repaired {whole}: {copied} messages; the file as it was is {cut}")


def _takes_in(folder: Path) -> list[Path]:
    return sorted([*folder.glob("*.mcap"), *folder.glob("*.mcap.partial")])


def _cut_takes(paths: tuple[Path, ...]) -> Iterator[Path]:
    """Yield the takes that are named, and those of folders that were cut off."""
    from avatar_bridge.recording import read_take
    from avatar_bridge.recording.outline import outline

    for path in paths:
        if not path.is_dir():
            yield path
            continue
        for found in _takes_in(path):
            try:
                if outline(read_take(found)).state == "cut off":
                    yield found
            except RecordingError as error:
                print(f"left out: {error}")


def _listing(folder: Path, as_json: bool) -> Any:
    from avatar_bridge.recording import read_take
    from avatar_bridge.recording.outline import outline

    rows, lines = [], [_line("take", "recorded", "length", "frames", "fps", "raw", "user", "state")]
    for path in _takes_in(folder):
        try:
            take = read_take(path)
            about = outline(take)
        except RecordingError as error:
            rows.append({"take": path.name, "error": str(error)})
            lines.append(f"{path.name:28}{_plain(error)}")
            continue
        rows.append(_outline_row(take, about))
        lines.append(_outline_line(take, about))
    if as_json:
        return rows
    return "\n".join(lines) if rows else f"no takes in {folder}: rdr track 0 --record {folder / 'take1.mcap'} makes one"


def _outline_row(take: Take, about: TakeOutline) -> dict[str, Any]:
    seconds, rate_hz = about.filtered.duration_s, about.filtered.rate_hz
    return {
        "take": about.path.name,
        "state": about.state,
        "size_bytes": about.size_bytes,
        "duration_s": seconds,
        "frames": about.filtered.frames,
        "pictures": about.filtered.pictures,
        "rate_hz": rate_hz,
        "raw_frames": about.raw.frames,
        "metadata": dict(take.metadata),
    }


def _outline_line(take: Take, about: TakeOutline) -> str:
    filtered = about.filtered
    return _line(
        about.path.name,
        recorded(take),
        f"{filtered.duration_s:.1f} s",
        str(filtered.frames),
        f"{filtered.rate_hz:.2f}",
        "yes" if about.raw.frames else "no",
        _plain(take.metadata.get("user", "-")),
        about.state,
    )


def _line(name: str, *cells: str) -> str:
    recorded_at, length, frames, fps, raw, user, state = cells
    return f"{name:28}{recorded_at:21}{length:>10}{frames:>9}{fps:>8}  {raw:5}{user:12.12}{state}".rstrip()


def _details(path: Path, as_json: bool) -> Any:
    from avatar_bridge.recording import read_take
    from avatar_bridge.recording.outline import outline
    from avatar_bridge.recording.summary import summarise

    take = read_take(path)
    with status_line(None) as show:
        summary = summarise(take, lambda frames: show(0, f"reading {path}: {frames} frames"))
    about = outline(take)
    if as_json:
        return {"take": path.name, "state": about.state, "metadata": dict(take.metadata), **asdict(summary)}
    return "\n".join(f"{name:11}{text}".rstrip() for name, text in _detail_rows(take, about, summary))


def _detail_rows(take: Take, about: TakeOutline, summary: TakeSummary) -> Iterator[tuple[str, str]]:
    """Yield names and texts of what there is to say of a take."""
    metadata, facts = take.metadata, take.facts
    program = summary.versions.get("rdr-live", metadata.get("rdr-live", "unknown"))
    damage = "" if summary.report.is_whole or not about.complete else f"; damaged: {summary.report}"
    yield "take", f"{about.path.name}: {about.state}, {about.size_bytes / 1e6:.2f} MB{damage}"
    yield "recorded", f"{recorded(take)} by rdr-live {_plain(program)}, session {_plain(metadata.get('session', '-'))}"
    size = f", {facts.source_size_px[0]} x {facts.source_size_px[1]}" if facts.source_size_px else ""
    rate = f", {facts.source_rate_hz:g} fps" if facts.source_rate_hz else ""
    yield "source", f"{_plain(metadata.get('source') or 'unknown')}{size}{rate}"
    if facts.network:
        yield "network", f"{_plain(facts.network)}, SHA-256 {_plain(facts.network_sha256 or 'unknown')}"
    if facts.smoothing:
        yield "smoothing", _plain(facts.smoothing)
    yield "user", _plain(", ".join(summary.users) or facts.user or "-")
    for name in sorted(set(metadata) - _KNOWN):
        yield _plain(name)[:10], _plain(metadata[name])
    yield "length", f"{summary.duration_s:.2f} s, {summary.pictures} pictures, {summary.rate_hz:.2f} fps"
    several = f", {summary.sessions} runs of the sender" if summary.sessions > 1 else ""
    yield "frames", f"{summary.frames}, {summary.raw_frames} raw beside them, {summary.missed} missed{several}"
    for face in summary.faces:
        yield f"face {face.face_id}", _face_text(face)


def _face_text(face: FaceSummary) -> str:
    seen = f"seen in {face.tracked} of {face.frames} frames"
    if not face.tracked:
        return seen
    text = f"{seen}, {face.seen.start_s:.2f} to {face.seen.end_s:.2f} s"
    if not face.lost:
        return f"{text}, never lost"
    spans = ", ".join(f"{span.start_s:.2f} to {span.end_s:.2f}" for span in face.lost[:_SPANS_SHOWN])
    more = f" and {len(face.lost) - _SPANS_SHOWN} more" if len(face.lost) > _SPANS_SHOWN else ""
    times = "once" if len(face.lost) == 1 else f"{len(face.lost)} times"
    return f"{text}, lost {times} for {face.lost_s:.2f} s: {spans}{more}"


def recorded(take: Take) -> str:
    """Return when a take was begun, local time; "-" where it does not say so."""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(int(take.metadata["created_unix_ns"]) / 1e9))
    except (KeyError, ValueError, OverflowError, OSError):
        return "-"


def _plain(text: object) -> str:
    """Make what a file says fit for one line of a terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in str(text))[:200]
