"""What the generative models and their trainers share: sources of draws, checks, and what is put back."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


def source(generator: torch.Generator | None, device: torch.device | str = "cpu") -> torch.Generator:
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


def check_codes(codes: Tensor, latent: int, name: str = "z") -> Tensor:
    """Latent vectors, floating (n, latent). Errors: ValueError."""
    if not isinstance(codes, Tensor) or codes.ndim != 2 or codes.shape[1] != latent:
        what = tuple(codes.shape) if isinstance(codes, Tensor) else type(codes).__name__
        raise ValueError(f"{name}: expected shape (n, {latent}), got {what}")
    if not codes.is_floating_point():
        raise ValueError(f"{name}: expected floating values, got {codes.dtype}")
    return codes


def copy_tensors(given: Iterable[Tensor], into: Iterable[Tensor]) -> None:
    """The values of each tensor into the one beside it."""
    with torch.no_grad():
        for tensor, kept in zip(given, into, strict=True):
            kept.copy_(tensor)


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
