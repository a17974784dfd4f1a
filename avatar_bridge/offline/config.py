"""How videos are tracked offline, and the name of what comes of that."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from avatar_bridge.config import SmoothingConfig
from avatar_bridge.user import Gaze, user_sha256
from rdr_core import __version__
from rdr_core.inference.precision import Precision
from rdr_core.inference.tracker import TrackerConfig
from rdr_core.inference.weights import LICENCES, find_network, network_sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class OfflineConfig:
    """The same for all videos of a run."""

    preset: Literal["live", "paper"] = "live"
    """Which of the shipped networks."""
    weights: Path | None = None
    """research or open (their licence), or a network of the user's own."""
    smoothing: str = "normal"
    """As `SmoothingConfig.of` takes it."""
    user: str | None = None
    """Whose face it is, as calibrated; None: anybody's."""
    gaze: Gaze = "network"
    """Where it comes from without a user."""
    max_faces: int = 1
    """How many faces are followed."""
    sound: bool = True
    """Write the sound beside the take."""
    overlays: bool = False
    """Write a video with the face drawn in beside the take."""
    threads: int = 1
    """CPU threads of the network, for each video."""
    precision: Precision = "auto"
    """float, int8 (bytes) or what suits the machine."""
    device: str = "cpu"
    """Or cuda, cuda:N."""

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
        """Name the outcome: the same program, network, user model and settings, and only those, give the same.

        Raises:
            AssetError: the network is not there.
            UserModelError: no such user.
        """
        settings = {
            "version": __version__,
            "network": network_sha256(self.network),
            "filters": asdict(SmoothingConfig.of(self.smoothing)),
            "precision": self.precision,
            "device": self.device,
            "user": None if self.user is None else user_sha256(self.user),
            "gaze": self.gaze,
            "max_faces": self.max_faces,
            "sound": self.sound,
            "overlays": self.overlays,
        }
        return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
