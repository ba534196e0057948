"""Where a model trains: processor or GPU, one process or several under `torchrun`, and in which precision.

On a GPU, autocast to bfloat16 and `torch.compile` are on; on a processor both cost more than they give. Several
processes share each batch by rows and average gradients (DistributedDataParallel), so that any number of them takes
the same steps as one.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import distributed, nn

_COMPILED_LENGTHS = 32  # every length of line is its own graph


@dataclass(frozen=True, slots=True)
class Compute:
    """`rank` of `world` processes on `device`."""

    device: torch.device
    rank: int = 0
    world: int = 1
    bfloat16: bool = False
    compile_backend: str | None = None  # of torch.compile; None leaves the model as it is

    @property
    def leads(self) -> bool:
        """Whether this process writes files and shows progress."""
        return self.rank == 0

    def autocast(self) -> AbstractContextManager[Any]:
        """The precision that forward passes run in."""
        return torch.autocast(self.device.type, torch.bfloat16) if self.bfloat16 else nullcontext()

    def prepared(self, module: nn.Module) -> Callable[..., torch.Tensor]:
        """`module`, compiled and distributed as this run asks; its parameters stay the same objects."""
        ready: nn.Module = module
        if self.compile_backend:
            torch._dynamo.config.recompile_limit = _COMPILED_LENGTHS
            ready = torch.compile(ready, backend=self.compile_backend, dynamic=False)  # type: ignore[assignment]
        if self.world > 1:
            ids = [self.device] if self.device.type == "cuda" else None
            ready = nn.parallel.DistributedDataParallel(ready, device_ids=ids, find_unused_parameters=True)
        return ready

    def rows(self, count: int) -> slice:
        """This process's rows of a batch of `count`; all of them where there are fewer rows than processes."""
        return slice(self.rank, count, self.world) if count >= self.world else slice(0, count)


def local_compute() -> Compute:
    """One process: the GPU where there is one, otherwise the processor."""
    if torch.cuda.is_available():
        return Compute(torch.device("cuda"), bfloat16=torch.cuda.is_bf16_supported(), compile_backend="inductor")
    return Compute(torch.device("cpu"))


@contextmanager
def launched_compute() -> Iterator[Compute]:
    """What `torchrun` assigned to this process, or `local_compute` where it did not start it."""
    local = local_compute()
    if "WORLD_SIZE" not in os.environ:
        yield local
        return
    distributed.init_process_group("nccl" if local.device.type == "cuda" else "gloo")
    try:
        device = local.device
        if device.type == "cuda":
            device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
            torch.cuda.set_device(device)
        yield Compute(
            device, distributed.get_rank(), distributed.get_world_size(), local.bfloat16, local.compile_backend
        )
    finally:
        distributed.destroy_process_group()
