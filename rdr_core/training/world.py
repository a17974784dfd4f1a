"""The processes that train one network together, as torchrun starts them: who this one is, what they must agree on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed
import torch.distributed.nn.functional
from torch import Tensor, nn

from rdr_core.errors import ConfigError


@dataclass(frozen=True)
class World:
    """This process among `size`."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """True for the process that writes files and shows progress."""
        return self.rank == 0

    def sum(self, values: Tensor) -> Tensor:
        """Add up a tensor over all processes; every one gets the sum."""
        if self.size > 1:
            torch.distributed.all_reduce(values)
        return values

    def share(self, batch_size: int) -> int:
        """Rows of a batch that fall to each process; ConfigError where they cannot be alike."""
        if batch_size % self.size:
            raise ConfigError(f"a batch of {batch_size} crops cannot be shared among {self.size} processes")
        return batch_size // self.size


@contextmanager
def join(device: str) -> Iterator[tuple[World, torch.device]]:
    """Join the processes that torchrun started, each with a device of its own; alone where it started none."""
    size, rank, local = (int(os.environ.get(name, first)) for name, first in _ENVIRONMENT)
    if size == 1:
        yield World(), pick_device(device)
        return
    chosen = pick_device(f"cuda:{local}" if device in ("auto", "cuda") and torch.cuda.is_available() else device)
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
    torch.distributed.init_process_group("nccl" if chosen.type == "cuda" else "gloo")
    try:
        yield World(rank, size), chosen
    finally:
        torch.distributed.destroy_process_group()


_ENVIRONMENT = (("WORLD_SIZE", 1), ("RANK", 0), ("LOCAL_RANK", 0))


def pick_device(name: str) -> torch.device:
    """auto -> cuda where there is one."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise ConfigError(f"device {name} was asked for, but torch sees no CUDA device: use cpu")
    return torch.device(name)


def has_bf16(device: torch.device) -> bool:
    """True where bfloat16 is fast: CUDA cards that support it, CPUs with AVX-512 BF16 or AMX."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return bool(torch.cpu._is_avx512_bf16_supported()) if hasattr(torch.cpu, "_is_avx512_bf16_supported") else False


class SharedBatchNorm(nn.BatchNorm2d):
    """Batch norm over the batches of all processes, on CPUs, where torch has none."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same; statistics of the rows of all processes."""
        if not self.training:
            return super().forward(x)
        values = x.float()
        count = values.numel() // values.shape[1] * torch.distributed.get_world_size()
        moments = torch.stack([values.sum((0, 2, 3)), values.square().sum((0, 2, 3))])
        mean, square = torch.distributed.nn.functional.all_reduce(moments) / count
        variance = (square - mean.square()).clamp_min(0)
        with torch.no_grad():
            momentum = self.momentum if self.momentum is not None else 0.1
            self.get_buffer("running_mean").lerp_(mean, momentum)
            self.get_buffer("running_var").lerp_(variance * count / max(1, count - 1), momentum)
            self.get_buffer("num_batches_tracked").add_(1)
        scale = self.weight * (variance + self.eps).rsqrt()
        return (values * scale[:, None, None] + (self.bias - mean * scale)[:, None, None]).to(x.dtype)


def share_statistics(network: nn.Module, device: torch.device) -> None:
    """Let every batch norm see the rows of all processes: small parts of a batch would train another network."""
    if device.type == "cuda":
        nn.SyncBatchNorm.convert_sync_batchnorm(network)
        return
    for parent in list(network.modules()):
        for name, child in parent.named_children():
            if type(child) is nn.BatchNorm2d:
                shared = SharedBatchNorm(child.num_features, child.eps, child.momentum)
                shared.load_state_dict(child.state_dict())
                setattr(parent, name, shared)
