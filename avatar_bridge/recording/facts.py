"""How a take came about: what a recorder knows at the start, kept as the take's metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

from avatar_bridge.capture.frames import FrameSource
from avatar_bridge.config import SmoothingConfig
from avatar_bridge.messages import Hello
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES
from rdr_core.inference.weights import network_sha256

MAX_RATE_HZ: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeFacts:
    """What is not known is None."""

    source_size_px: tuple[int, int] | None = None
    """Width and height of the pictures."""
    source_rate_hz: float | None = None
    """Nominal pictures a second of the source."""
    network: str | None = None
    """File name of the weights."""
    network_sha256: str | None = None
    """Of that file, followed by that of its weights where they lie beside it."""
    smoothing: str | None = None
    """What the filters were asked for, as `rdr track --smoothing` takes it."""
    filters: Mapping[str, Any] | None = None
    """Every setting of them (SmoothingConfig)."""
    user: str | None = None
    """Name of the user model."""
    blendshape_names: tuple[str, ...] | None = None
    """Names of the values of alpha_exp, in order."""

    def as_metadata(self) -> dict[str, str]:
        """Return the facts that are known: texts as they are, the rest as JSON."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            name: value if isinstance(value, str) else json.dumps(value)
            for name, value in values.items()
            if value is not None
        }

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> TakeFacts:
        """Return what a take's metadata say; what cannot be right is left out."""
        size, rate = _json(metadata, "source_size_px"), _json(metadata, "source_rate_hz")
        filters, names = _json(metadata, "filters"), _json(metadata, "blendshape_names")
        is_size = isinstance(size, list) and len(size) == 2 and all(type(s) is int and 0 < s < 65536 for s in size)
        return cls(
            source_size_px=(size[0], size[1]) if is_size else None,
            source_rate_hz=float(rate) if type(rate) in (int, float) and 0 < rate <= MAX_RATE_HZ else None,
            network=metadata.get("network"),
            network_sha256=metadata.get("network_sha256"),
            smoothing=metadata.get("smoothing"),
            filters=filters if isinstance(filters, dict) else None,
            user=metadata.get("user"),
            blendshape_names=tuple(map(str, names)) if isinstance(names, list) else None,
        )


def facts_of_run(
    source: FrameSource, network: Path, smoothing: str, config: SmoothingConfig, user: str | None = None
) -> TakeFacts:
    """Return the facts of a tracker that begins; `smoothing` is what `config` was made from."""
    return TakeFacts(
        source_size_px=source.size_px,
        source_rate_hz=source.rate_hz,
        network=network.name,
        network_sha256=network_sha256(network),
        smoothing=smoothing,
        filters=asdict(config),
        user=user,
        blendshape_names=BLENDSHAPE_NAMES,
    )


def facts_of_stream(hello: Hello | None) -> TakeFacts:
    """Return what a stream says of itself."""
    if hello is None:
        return TakeFacts()
    return TakeFacts(
        source_rate_hz=hello.rate_hz or None, user=hello.user, blendshape_names=tuple(hello.blendshape_names)
    )


def _json(metadata: Mapping[str, str], name: str) -> Any:
    try:
        return json.loads(metadata.get(name, "null"))
    except (ValueError, RecursionError):
        return None
