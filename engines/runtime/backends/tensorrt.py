"""TensorRT: engines for the card of this machine."""

from ..trt_backend import TensorRTBackend


class TensorRT(TensorRTBackend):
    """NVIDIA's TensorRT."""

    name = "tensorrt"
    preference = 50
    package = "tensorrt"
    captured = True


BACKEND = TensorRT()
