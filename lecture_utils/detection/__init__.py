"""Object detection: from boxes to average precision. torch only, and no training.

Boxes are floating (n, 4): x0, y0, x1, y1 in px, right and lower edge exclusive. None at all, (0, 4), is allowed
everywhere; a box whose right edge lies left of its left one never is.
"""

from .._lazy import lazily

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "anchoring": "anchors decode_boxes encode_boxes match_anchors",
        "assignment": "hungarian_match matching_cost",
        "boxes": "batched_nms box_convert box_iou clip_boxes generalized_box_iou nms",
        "centernet": "CenterNet",
        "detr": "DETR",
        "fast_rcnn": "FastRCNN",
        "faster_rcnn": "FasterRCNN",
        "focal": "center_focal_loss sigmoid_focal_loss",
        "grid": "yolo_decode yolo_targets",
        "histograms": "hog",
        "hog_svm": "HOGSVM",
        "points": "center_decode center_heatmap center_regression",
        "pooling": "roi_align roi_pool",
        "precision": "ERROR_TYPES error_types mean_average_precision",
        "proposals": "selective_search",
        "rcnn": "RCNN",
        "retinanet": "FPN RetinaNet",
        "ssd": "SSD",
        "trunk": "Detections Detector Trunk build_detector load_detector",
        "yolo": "YOLO",
    },
)
