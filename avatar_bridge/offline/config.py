"""How videos are tracked offline, and the name of what comes of that."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from avatar_bridge.config import SmoothingConfig
from rdr_core import __version__
from rdr_core.errors import AssetError
from rdr_core.inference.tracker import TrackerConfig
from rdr_core.inference.weights import LICENCES, find_network


@dataclass(frozen=True, slots=True, kw_only=True)
class OfflineConfig:
    """The same for all videos of a run."""

    preset: Literal["live", "paper"] = "live"
    """Which of the shipped networks."""
    weights: Path | None = None
    """research or open (their licence), or a network of the user's own."""
    smoothing: str = "normal"
    """As `SmoothingConfig.of` takes it."""
    max_faces: int = 1
    """How many faces are followed."""
    sound: bool = True
    """Write the sound beside the take."""
    overlays: bool = False
    """Write a video with the face drawn in beside the take."""
    threads: int = 1
    """CPU threads of the network, for each video."""

    def __post_init__(self) -> None:
        SmoothingConfig.of(self.smoothing)  # raises BridgeError
        TrackerConfig(max_faces=self.max_faces)  # raises ConfigError
        if self.weights is not None and str(self.weights) not in LICENCES:
            object.__setattr__(self, "weights", self.weights.expanduser().resolve())  # workers may be elsewhere

    @property
    def network(self) -> Path:
        """File of the network. Raises AssetError."""
        return find_network(self.preset, self.weights)

    def fingerprint(self) -> str:
        """Name the outcome: the same program, network and settings, and only those, give the same.

        Raises:
            AssetError: the network is not there.
        """
        if not self.network.is_file():
            raise AssetError(f"{self.network}: no such network; make it with rdr export")
        digest = hashlib.sha256()
        for path in (self.network, self.network.with_suffix(".safetensors")):  # a graph, and its weights beside it
            if path.is_file():
                with path.open("rb") as file:
                    digest.update(hashlib.file_digest(file, "sha256").digest())
        settings = {
            "version": __version__,
            "filters": asdict(SmoothingConfig.of(self.smoothing)),
            "max_faces": self.max_faces,
            "sound": self.sound,
            "overlays": self.overlays,
        }
        digest.update(json.dumps(settings, sort_keys=True).encode())
        return digest.hexdigest()
