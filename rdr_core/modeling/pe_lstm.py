"""PoseExp-LSTM: updates of pose and expression logits (Sec. 4.3)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rdr_core.landmarks import N_LANDMARKS

LSTM_INIT = 0.1
"""LSTM weights start in U[-0.1, 0.1] (Sec. 5.1)."""
State = tuple[Tensor, Tensor]


class RecurrentUnit(nn.Module):
    """One LSTM shared by all steps, a projection of Phi for each step, and a near-zero output layer.

    The output starts near zero so that step 0 equals the initial face. The projected feature is normalised: maxima over
    windows of a map without bound grow while the trunk learns, drive every gate of the LSTM to its end (an input was 20
    to 130 on average), and then the refinement says the same of every face.
    """

    def __init__(self, feature_dim: int, hidden: int, out_features: int, projections: int) -> None:
        """`projections`: one for each step; where there are fewer, the last one serves all further steps."""
        super().__init__()
        self.projections = nn.ModuleList(nn.Linear(feature_dim, hidden) for _ in range(projections))  # w^k, b^k
        self.norm = nn.LayerNorm(hidden)
        self.cell = nn.LSTMCell(hidden, hidden)
        self.output = nn.Linear(hidden, out_features)
        for parameter in self.cell.parameters():
            nn.init.uniform_(parameter, -LSTM_INIT, LSTM_INIT)
        nn.init.normal_(self.output.weight, std=1e-3)
        nn.init.zeros_(self.output.bias)

    def start(self, like: Tensor) -> State:
        """Zero state for a batch: `like` is (B, ...)."""
        zeros = like.new_zeros(like.shape[0], self.cell.hidden_size, dtype=torch.float32)
        return zeros, zeros

    def forward(self, step: int, phi: Tensor, state: State) -> tuple[Tensor, State]:
        """Step k (from 0), (B, L * C) features -> (B, out) and the next state."""
        return self.advance(self.reduced(step, phi), state)

    def reduced(self, step: int, phi: Tensor) -> Tensor:
        """w^k Phi + b^k, normalised: (B, L * C) -> (B, hidden)."""
        return self.norm(self.projections[min(step, len(self.projections) - 1)](phi))

    def advance(self, reduced: Tensor, state: State) -> tuple[Tensor, State]:
        """(B, hidden) input of the LSTM -> (B, out) and the next state."""
        hidden, memory = self.cell(reduced, state)
        return self.output(hidden), (hidden, memory)


class PoseExpLSTM(RecurrentUnit):
    """Phi and the compensation so far -> (delta P (B, 7), delta x (B, E)), standardised pose and logits."""

    def __init__(
        self, feature_dim: int, hidden: int, n_pose: int, n_expressions: int, projections: int, told: float | None
    ) -> None:
        """`told`: unit, crop units, of the compensation that it is told; None where it is not."""
        super().__init__(feature_dim, hidden, n_pose + n_expressions, projections)
        self.n_pose, self.unit = n_pose, told
        if told is not None:
            self.feedback = nn.Linear(2 * N_LANDMARKS, hidden, bias=False)
            nn.init.zeros_(self.feedback.weight)  # weights that were trained without it say the same with it

    def update(self, step: int, phi: Tensor, compensation: Tensor, state: State) -> tuple[Tensor, State]:
        """Step k (from 0), (B, L * C) features, (B, L, 2) S - S_p of before -> (B, 7 + E) and the next state."""
        reduced = self.reduced(step, phi)
        if self.unit is not None:
            reduced = reduced + self.feedback(compensation.flatten(1) / self.unit)
        return self.advance(reduced, state)

    def split(self, update: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 7 + E) -> delta P, delta x."""
        return update[:, : self.n_pose], update[:, self.n_pose :]
