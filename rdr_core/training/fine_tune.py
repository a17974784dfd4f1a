"""Fine-tuning of heads and refinement units on a few pictures, while the trunk stays and so does what it knew.

The trunk runs once over every view; then steps are cheap, for its features are kept (half floats, 64 kB a view).
Replayed pictures are taught what the network itself said of them before: distillation against forgetting.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from rdr_core.data.augment import AugmentConfig
from rdr_core.data.label import FaceLabel
from rdr_core.errors import ConfigError
from rdr_core.inference.predictor import InferenceGraph
from rdr_core.modeling.rdr import IMAGE_MEAN, IMAGE_STD, RDR, RdrOutput
from rdr_core.training.batches import Batch, Sampler, network_pixels
from rdr_core.training.checkpoint import load_checkpoint, network_from_checkpoint, prefixed, save_checkpoint
from rdr_core.training.losses import LossConfig, RdrLoss
from rdr_core.types import UInt8

Picture = tuple[UInt8, FaceLabel]


@dataclass(frozen=True)
class FineTuneConfig:
    """How to fine-tune."""

    steps: int = 400
    """At most."""
    batch_size: int = 32
    lr: float = 3e-4
    """Of AdamW, falling to 0 on a cosine."""
    replay: float = 0.4
    """Share of a batch that is replayed."""
    views: int = 6
    """Crops of each of the user's pictures."""
    replay_views: int = 2
    test_views: int = 3
    every: int = 20
    """Steps between looks at held-out pictures."""
    patience: int = 4
    """So many looks without a better one end it."""
    forgetting: float = 1.05
    """A network whose error on replayed pictures held out is larger by this factor is no candidate."""
    seed: int = 0
    loss: LossConfig = field(default_factory=lambda: LossConfig(fitted_weight=0.3))
    augment: AugmentConfig = field(default_factory=lambda: AugmentConfig(flip=0, occlusion=0.1))

    def __post_init__(self) -> None:
        if min(self.steps, self.views, self.replay_views, self.test_views, self.every, self.patience) < 1:
            raise ConfigError(f"fine-tuning needs one step, view and look or more, got {self}")
        if self.batch_size < 2 or not 0 < self.replay < 1 or self.lr <= 0:
            raise ConfigError(f"fine-tuning needs batches from 2, a share of replay in (0, 1) and a rate, got {self}")


@dataclass(frozen=True)
class Scores:
    """Errors on held-out pictures, percent of the face box."""

    user: float
    """Landmarks S against S*, and the head's own points against those of Q*: the mean of both."""
    replay: float
    """The same of replayed pictures, against their truth."""


class Pictures:
    """Pictures in memory as a `Source`; never flipped, for faces are not symmetrical."""

    def __init__(self, pictures: Sequence[Picture]) -> None:
        self._pictures = list(pictures)

    def __len__(self) -> int:
        return len(self._pictures)

    def order(self, rng: np.random.Generator) -> np.ndarray:
        return np.arange(len(self))

    def picture(self, position: int, flip: bool) -> Picture:
        return self._pictures[position]

    def label(self, position: int) -> FaceLabel:
        return self._pictures[position][1]

    def hold_out(self, count: int, seed: int) -> tuple[Pictures, list[Picture]]:
        """Hold out the last ones."""
        return Pictures(self._pictures[:-count]), self._pictures[-count:]

    def close(self) -> None:
        """Nothing is open."""


@dataclass(frozen=True, eq=False)
class Views:
    """What the trunk says of crops, and what the rest is to make of it."""

    pool5: Tensor
    """(M, c)."""
    feature_map: Tensor
    """(M, C, h, w) half floats."""
    target: Batch
    """M rows; without pictures."""

    def rows(self, index: Tensor) -> Views:
        """Return some."""
        target = Batch(*(getattr(self.target, f.name)[index] for f in fields(Batch)))
        return Views(self.pool5[index], self.feature_map[index], target)


class FineTuning:
    """One run: `run` improves, `best` holds the best network that was seen, None where that is the one given."""

    def __init__(
        self,
        network: RDR,
        user: Sequence[Picture],
        user_test: Sequence[Picture],
        replay: Sequence[Picture],
        replay_test: Sequence[Picture],
        config: FineTuneConfig | None = None,
        progress: Callable[[float, str], object] = lambda share, text: None,
    ) -> None:
        self.config, self.network = config or FineTuneConfig(), copy.deepcopy(network).eval()
        self._progress = progress
        c = self.config
        plain = replace(c.augment, blur=0, gray=0, occlusion=0)
        self._user = self._views(user, c.views, c.augment, 0, "your frames")
        self._user_test = self._views(user_test, c.test_views, plain, 1, "held-out frames")
        self._replay_test = self._views(replay_test, 1, plain, 2, "replay held out")
        self._replay = self._as_it_is(self._views(replay, c.replay_views, c.augment, 3, "replay"))
        self.best: RDR | None = None
        self.before = self.after = self._scores()

    def run(self, seconds: float = math.inf, stopped: Callable[[], bool] = lambda: False) -> Scores:
        """Train until nothing gets better, the time is over or somebody asks to stop; return the best scores."""
        c, deadline = self.config, time.monotonic() + seconds
        learned = [p for part in (self.network.parameter_init, self.network.refinement) for p in part.parameters()]
        learned = [p for p in learned if p.requires_grad]
        optimizer = torch.optim.AdamW(learned, lr=c.lr, weight_decay=0.0)
        loss_of = RdrLoss(self.network, c.loss, 0.1)
        waited, generator = 0, torch.Generator().manual_seed(c.seed)
        for step in range(c.steps):
            if waited >= c.patience or stopped() or time.monotonic() > deadline:
                break
            for group in optimizer.param_groups:
                group["lr"] = c.lr * 0.5 * (1 + math.cos(math.pi * step / c.steps)) * min(1, (step + 1) / 10)
            views = self._draw(generator)
            losses = loss_of(_rest(self.network, views), views.target)
            optimizer.zero_grad(set_to_none=True)
            losses["total"].backward()
            torch.nn.utils.clip_grad_norm_(learned, 5.0)
            optimizer.step()
            if (step + 1) % c.every == 0 or step + 1 == c.steps:
                waited = 0 if self._look() else waited + 1
            self._progress(
                (step + 1) / c.steps, f"held-out error {self.after.user:.2f} %, {self.before.user:.2f} before"
            )
        return self.after

    def save(self, path: Path, base: Path, info: dict[str, object]) -> None:
        """Write the best network, or the one given, as a checkpoint with the facts of the weights it came from."""
        checkpoint = load_checkpoint(base)
        tensors = prefixed("network.", self.best or self.network)
        save_checkpoint(path, checkpoint.config, tensors, checkpoint.info | info)

    def _look(self) -> bool:
        scores = self._scores()
        keeps = scores.replay <= self.config.forgetting * self.before.replay
        if not (keeps and np.isfinite(scores.user) and scores.user < self.after.user):
            return False
        self.best, self.after = copy.deepcopy(self.network), scores
        return True

    def _draw(self, generator: torch.Generator) -> Views:
        old = round(self.config.replay * self.config.batch_size)
        parts = [
            views.rows(torch.randint(len(views.pool5), (count,), generator=generator))
            for views, count in ((self._user, self.config.batch_size - old), (self._replay, old))
        ]
        target = Batch(*(torch.cat([getattr(p.target, f.name) for p in parts]) for f in fields(Batch)))
        return Views(torch.cat([p.pool5 for p in parts]), torch.cat([p.feature_map for p in parts]), target)

    def _views(self, pictures: Sequence[Picture], views: int, augment: AugmentConfig, seed: int, what: str) -> Views:
        if not pictures:
            raise ConfigError(f"fine-tuning needs pictures, got none: {what}")
        size, rows = self.network.crop_size, len(pictures) * views
        sampler = Sampler(
            [(Pictures(pictures), 1.0)],
            [],
            augment,
            crop_size=size,
            batch_size=16,
            no_face=0,
            seed=self.config.seed + seed,
        )
        found: list[Views] = []
        for number in range(-(-rows // 16)):
            found.append(self._through_trunk(sampler.batch(number)))
            self._progress(0, f"{what}: {min(16 * number + 16, rows)} of {rows} views")
        target = Batch(*(torch.cat([getattr(v.target, f.name) for v in found]) for f in fields(Batch)))
        pool5, feature_map = torch.cat([v.pool5 for v in found]), torch.cat([v.feature_map for v in found])
        return Views(pool5, feature_map, target)

    @torch.no_grad()
    def _through_trunk(self, batch: Batch) -> Views:
        stages = self.network.backbone((network_pixels(batch.image) - IMAGE_MEAN) / IMAGE_STD)
        feature_map = self.network.deconv(stages).half().contiguous()
        rows = len(batch.image)
        return Views(stages[-1].mean((2, 3)), feature_map, replace(batch, image=torch.zeros(rows)))

    @torch.no_grad()
    def _as_it_is(self, views: Views) -> Views:
        """Teach the network's own answers: what it says of these pictures is to stay."""
        answers = [self._answer(part) for part in _parts(views)]
        names = ("shape", "own", "pose", "alpha_id", "alpha_exp")
        said = {name: torch.cat([answer[i] for answer in answers]) for i, name in enumerate(names)}
        known = torch.zeros_like(views.target.fitted)
        return replace(views, target=replace(views.target, **said, fitted=known))

    def _answer(self, views: Views) -> tuple[Tensor, ...]:
        output = _rest(self.network, views)
        own = self.network.refinement.projection.landmarks_3d(output.steps[-1].vertices)[..., :2]
        _, _, _, pose, alpha_exp, alpha_id, _ = InferenceGraph(self.network).outputs(output)
        return output.steps[-1].shape, own, pose, alpha_id, alpha_exp

    @torch.no_grad()
    def _scores(self) -> Scores:
        return Scores(self._error(self._user_test), self._error(self._replay_test))

    def _error(self, views: Views) -> float:
        errors = []
        for part in _parts(views):
            shape, own, *_ = self._answer(part)
            box = part.target.shape.amax(1) - part.target.shape.amin(1)
            apart = [(a - b).norm(dim=2).mean(1) for a, b in ((shape, part.target.shape), (own, part.target.own))]
            errors.append(50 * (apart[0] + apart[1]) / box.prod(1).sqrt())
        return float(torch.cat(errors).mean())


def _parts(views: Views) -> Iterator[Views]:
    for start in range(0, len(views.pool5), 64):
        yield views.rows(torch.arange(start, min(start + 64, len(views.pool5))))


def _rest(network: RDR, views: Views) -> RdrOutput:
    """What comes after the trunk, as in `RDR.forward`."""
    alpha_id, pose, logits = network.parameter_init(views.pool5)
    blendshapes = network.refinement.projection.blendshapes(network.identity_mean + network.identity_std * alpha_id)
    states = network.refinement(views.feature_map.float(), blendshapes, pose, network.logit_mean + logits)
    return RdrOutput(alpha_id, states, network.confidence(views.pool5).detach())


def load_network(weights: Path) -> RDR:
    """Return the network of a checkpoint, in evaluation mode."""
    return network_from_checkpoint(load_checkpoint(weights), weights)


def use_threads(threads: int) -> None:
    """Bound the CPU threads of this process."""
    torch.set_num_threads(threads)
