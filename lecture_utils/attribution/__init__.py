"""Why this answer? Works on any nn.Module; knows neither the lab nor the world."""

from .cam import cam, grad_cam, guided_grad_cam, hires_cam, last_map, layer_gradient, upsample
from .deconvnet import activation_returned, deconvnet, project, unpool
from .gradients import guided_backprop, heat, neuron_saliency, saliency
from .occlusion import mask_squares, occlusion, occlusion_heat
from .path_cam import path_cams
from .paths import completeness_gap, integrated_gradients, smooth_grad
from .relu_rules import relu_rule
from .segment import grabcut_from_heatmap

__all__ = [
    "activation_returned",
    "cam",
    "completeness_gap",
    "deconvnet",
    "grabcut_from_heatmap",
    "grad_cam",
    "guided_backprop",
    "guided_grad_cam",
    "heat",
    "hires_cam",
    "integrated_gradients",
    "last_map",
    "layer_gradient",
    "mask_squares",
    "neuron_saliency",
    "occlusion",
    "occlusion_heat",
    "path_cams",
    "project",
    "relu_rule",
    "saliency",
    "smooth_grad",
    "unpool",
    "upsample",
]
