"""What is said where a gradient that an attack needs does not arrive."""

CAUSES = (
    "A cast to integers, rounding, argmax, stop_gradient, a step function or NumPy "
    "inside the network cuts it; take that out, or attack a network without it"
)
CUT = (
    f"No gradient leads from the network's answer to its images. {CAUSES}. "
    "Received: a loss that does not depend on the images by differentiable operations"
)


class GradientError(ValueError):
    """There is no gradient towards what is to be changed."""
