"""The change that Gatys and others made to a net before they painted with it."""

import copy

from torch import nn

from lecture_utils.checks import check_net


def with_average_pooling(net: nn.Module) -> nn.Module:
    """A copy of the net whose max pooling layers take the mean: gradients reach every pixel, not only the largest.

    Errors: ValueError for a net that has no nn.MaxPool2d, or a dilated one.
    Source: Gatys, Ecker, Bethge (2015), section 2.
    """
    changed = copy.deepcopy(check_net(net))
    if not any(isinstance(module, nn.MaxPool2d) for module in changed.modules()):
        raise ValueError(f"net: this {type(net).__name__} has no nn.MaxPool2d")
    return _averaged(changed, "it")


def _averaged(module, name):
    """The module itself with every use of a max pooling replaced, or what replaces it."""
    if isinstance(module, nn.MaxPool2d):
        if module.dilation not in (1, (1, 1)):
            raise ValueError(f"net: {name!r} is a dilated pooling, for which there is no average")
        how = module.kernel_size, module.stride, module.padding, module.ceil_mode
        return nn.AvgPool2d(*how, count_include_pad=False).train(module.training)
    for child, inner in module._modules.items():  # named_children would leave out a module's second use
        if inner is not None:
            setattr(module, child, _averaged(inner, child))
    return module
