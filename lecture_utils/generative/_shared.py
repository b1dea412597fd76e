"""What the generative models and their trainers share: sources of draws, checks, and what is put back."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import nn

Size = int | tuple[int, int]  # px: one for both, or (h, w)
Draws = torch.Generator | None


class Placed(nn.Module):
    """A module that knows where it is, and the dtype that it works in."""

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        return next(self.parameters()).dtype


def source(generator: Draws, device: torch.device | str = "cpu") -> torch.Generator:
    """The generator, or a new one that nobody can repeat; the global random state stays. Errors: ValueError."""
    if generator is None:
        generator = torch.Generator(device)
        generator.seed()
    if not isinstance(generator, torch.Generator):
        raise ValueError(f"generator: expected a torch.Generator or None, got {type(generator).__name__}")
    return generator


def check_model(model: nn.Module, name: str = "model") -> nn.Module:
    """A torch.nn.Module with parameters. Errors: ValueError."""
    if not isinstance(model, nn.Module) or next(model.parameters(), None) is None:
        raise ValueError(f"{name}: expected a torch.nn.Module with parameters, got {type(model).__name__}")
    return model


def check_callback(callback: Callable | None) -> None:
    """A function, or None. Errors: ValueError."""
    if callback is not None and not callable(callback):
        raise ValueError(f"callback: expected a function or None, got {type(callback).__name__}")


@contextmanager
def modes_kept(*models: nn.Module) -> Iterator[None]:
    """Gradients inside, whatever was; afterwards each module has its own mode again."""
    modes = [(module, module.training) for model in models for module in model.modules()]
    try:
        with torch.inference_mode(False), torch.enable_grad():
            yield
    finally:
        for module, mode in modes:
            module.training = mode
