"""Why this answer? Works on any nn.Module; knows neither the lab nor the world."""

from .._lazy import lazily

# Eagerly, as these names are those of modules, too.
from .cam import cam as cam
from .integrated_gradients import integrated_gradients as integrated_gradients
from .occlusion import occlusion as occlusion
from .smooth_grad import smooth_grad as smooth_grad

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "cam": "cam grad_cam guided_grad_cam layer_gradient upsample",
        "gradients": "deconvnet guided_backprop heat neuron_saliency saliency",
        "occlusion": "mask_squares occlusion occlusion_heat",
        "integrated_gradients": "integrated_gradients",
        "smooth_grad": "smooth_grad",
        "relu_rules": "relu_rule",
        "segment": "grabcut_from_heatmap",
    },
)
