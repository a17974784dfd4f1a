"""Networks of which one part is changed or left out, to see what it is worth (Sec. 5.4, Figure 4)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, Final

from rdr_core.errors import ConfigError
from rdr_core.modeling.build import RdrConfig

WHOLE: Final = "dual"
"""The network as it is."""
FIGURE_4: Final = (WHOLE, "mean", "pose-exp")
"""Variants whose curves are those of Figure 4."""
_OF_FIGURE_4: Final[dict[str, dict[str, Any]]] = {
    WHOLE: {},
    "mean": {"start": "mean"},
    "mean-but-identity": {"start": "mean_but_identity"},
    "pose-exp": {"refinement": "pose_exp", "feedback": False},
}
_CHANNELS: Final = re.compile(r"deconv-(\d+(?:-\d+)*)")
_STEPS: Final = re.compile(r"k-(\d+)")
NAMES: Final = (*_OF_FIGURE_4, "no-feedback", "shared", "deconv-A-B-C", "k-N")
"""What variants are called. A-B-C are the channels of as many deconvolutions, N is K; `+` joins several changes."""


@dataclass(frozen=True)
class Variant:
    """A network under its name."""

    name: str
    """One or several of `NAMES`; also its folder."""
    config: RdrConfig

    @property
    def label(self) -> str:
        """Name in the words of Figure 4, other changes in brackets: Direct-Dual, Mean-PoseExp, Direct-Dual (k-3)."""
        start = {"direct": "Direct", "mean": "Mean", "mean_but_identity": "Mean-but-identity"}[self.config.start]
        refinement = {"dual": "Dual", "pose_exp": "PoseExp"}[self.config.refinement]
        others = [part for part in self.name.split("+") if part not in _OF_FIGURE_4]
        return f"{start}-{refinement}" + (f" ({', '.join(others)})" if others else "")


def make_variant(name: str, whole: RdrConfig) -> Variant:
    """Change the whole network as a name says; ConfigError where it is none of `NAMES` or no such network can be."""
    changes: dict[str, Any] = {}
    for part in name.split("+"):
        changes |= _changes(part)
    return Variant(name, replace(whole, **changes))


def _changes(name: str) -> dict[str, Any]:
    if name in _OF_FIGURE_4:
        return _OF_FIGURE_4[name]
    if name == "no-feedback":
        return {"feedback": False}
    if name == "shared":
        return {"shared_projection": True}
    if match := _CHANNELS.fullmatch(name):
        return {"deconv_channels": tuple(int(channels) for channels in match[1].split("-"))}
    if match := _STEPS.fullmatch(name):
        return {"steps": int(match[1])}
    raise ConfigError(f"no variant {name!r}; there are {', '.join(NAMES)}, joined by + where several things change")
