"""Compensator-LSTM: what the projected shape lacks (Eq. 6)."""

from __future__ import annotations

from torch import Tensor

from rdr_core.modeling.pe_lstm import RecurrentUnit


class CompensatorLSTM(RecurrentUnit):
    """Phi -> delta S, in crop units."""

    def __init__(self, feature_dim: int, hidden: int, n_landmarks: int, steps: int, unit: float) -> None:
        """`unit`: size of an output of 1, as a share of the crop."""
        super().__init__(feature_dim, hidden, 2 * n_landmarks, steps)
        self.unit, self.n_landmarks = unit, n_landmarks

    def compensation(self, update: Tensor) -> Tensor:
        """(B, 2L) -> delta S (B, L, 2)."""
        return update.reshape(-1, self.n_landmarks, 2) * self.unit
