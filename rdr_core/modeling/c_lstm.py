"""Compensator-LSTM: what the projected shape lacks (Eq. 6), or nothing in its place."""

from __future__ import annotations

from torch import Tensor, nn

from rdr_core.landmarks import N_LANDMARKS
from rdr_core.modeling.pe_lstm import RecurrentUnit, State


class CompensatorLSTM(RecurrentUnit):
    """Phi -> delta S (B, L, 2), crop units."""

    def __init__(self, feature_dim: int, hidden: int, projections: int, unit: float) -> None:
        """`unit`: size of an output of 1, as a share of the crop."""
        super().__init__(feature_dim, hidden, 2 * N_LANDMARKS, projections)
        self.unit = unit

    def forward(self, step: int, phi: Tensor, state: State) -> tuple[Tensor, State]:
        """Step k (from 0), (B, L * C) features -> delta S and the next state."""
        update, state = super().forward(step, phi, state)
        return update.reshape(-1, N_LANDMARKS, 2) * self.unit, state


class NoCompensator(nn.Module):
    """Nothing is compensated: S^k = S_p^k, the refinement "PoseExp" of Figure 4."""

    def start(self, like: Tensor) -> State:
        """Empty state."""
        none = like.new_zeros(like.shape[0], 0)
        return none, none

    def forward(self, step: int, phi: Tensor, state: State) -> tuple[Tensor, State]:
        """Return a delta S of 0, and the state."""
        return phi.new_zeros(phi.shape[0], N_LANDMARKS, 2), state
