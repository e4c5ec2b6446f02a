"""From a shape to an X-ray: a vertebra becomes Gaussians, and the Gaussians' optical depths add up on the detector.

``gaussians`` turns a surface into flat cortical splats and round trabecular ones; ``projection`` carries Gaussians
onto a detector (closed form); ``splatting`` adds them up (the torch reference, with its own backward pass);
``gsplat_backend`` does the same with CUDA's gsplat; ``render`` picks between the two.
"""

from .gaussians import Gaussians
from .renderer import Detectors, render

__all__ = ["Detectors", "Gaussians", "render"]
