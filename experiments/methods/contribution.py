"""Yosinski's fourth regulariser: what contributes little to the score becomes the neutral colour."""

from lecture_utils.synthesis.regularisers import Small


class SmallContribution(Small):
    """Each pixel whose contribution |sum over colours of (x - m) g| is among the smallest `share` becomes m.

    To first order the contribution is by how much the score would change if the pixel became m. g is the gradient
    before the step. Source: Yosinski et al. (2015), section 3, "clipping pixels with small contribution".
    """

    def size(self, offset, gradient):
        return (offset * gradient).sum(1, keepdim=True).abs()  # (n, 1, h, w)
