"""A pack for tests: clips of noise, a VAE that keeps the images that it encodes, and a node that
saves the exact tensors that passed between nodes."""

from pathlib import Path

import comfy.model_management
import folder_paths
import torch
from safetensors.torch import save_file

from .forms import FORMS


class KeepingVae:
    """Encodes every clip to zeros of the right shape, and keeps it."""

    def __init__(self):
        self.seen = []

    def encode(self, pixels):
        self.seen.append(pixels.clone())
        frames, height, width = pixels.shape[:3]
        return torch.zeros(1, 16, (frames - 1) // 4 + 1, height // 8, width // 8)


class StubVae:
    RETURN_TYPES = ("VAE", "CONDITIONING")
    FUNCTION = "make"
    CATEGORY = "test"

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {}}

    def make(self):
        return KeepingVae(), [[torch.zeros(1, 1, 8), {}]]


class NoiseClip:
    """Makes frames, and masks with values from 0 to 1, both included."""

    RETURN_TYPES = ("IMAGE", "MASK")
    FUNCTION = "make"
    CATEGORY = "test"

    @classmethod
    def INPUT_TYPES(cls):
        number = ("INT", {"default": 1, "min": 1, "max": 4096})
        return {"required": dict.fromkeys(("frames", "height", "width", "masks"), number)}

    def make(self, frames, height, width, masks):
        random = torch.Generator().manual_seed(0)
        image = torch.rand(frames, height, width, 3, generator=random)
        mask = torch.rand(masks, height // 2, width // 2, generator=random)
        return image, (mask * 3 - 1).clamp(0, 1)


class SavePassed:
    """Saves the images encoded since its last run, and the tensors that it is given."""

    RETURN_TYPES = ()
    FUNCTION = "save"
    CATEGORY = "test"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls):
        required = {
            "name": ("STRING", {"default": "passed"}),
            "vae": ("VAE",),
            "positive": ("CONDITIONING",),
            "latent": ("LATENT",),
            "trimmed": ("LATENT",),
            "image": ("IMAGE",),
            "mask": ("MASK",),
        }
        return {"required": required, "optional": {"references": ("IMAGE",)}}

    def save(self, name, vae, positive, latent, trimmed, image, mask, references=None):
        encoded, vae.seen = vae.seen, []
        conditions = positive[0][1]
        tensors = {
            **{f"encoded_{i}": pixels for i, pixels in enumerate(encoded)},
            "vace_frames": conditions["vace_frames"][0],
            "vace_mask": conditions["vace_mask"][0],
            "latent": latent["samples"],
            "trimmed": trimmed["samples"],
            "image": image,
            "mask": mask,
        }
        if references is not None:
            tensors["references"] = references
        folder = Path(folder_paths.get_output_directory())
        folder.mkdir(exist_ok=True)
        path = str(folder / f"{name}.safetensors")
        save_file({key: value.contiguous().clone() for key, value in tensors.items()}, path)
        return {"ui": {"text": (path,)}}


class SaveConditions:
    """Saves the tensors of a conditioning, by their names, and images and masks beside them."""

    RETURN_TYPES = ()
    FUNCTION = "save"
    CATEGORY = "test"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls):
        required = {"name": ("STRING", {"default": "conditions"}), "positive": ("CONDITIONING",)}
        return {"required": required, "optional": {"image": ("IMAGE",), "mask": ("MASK",)}}

    def save(self, name, positive, **beside):
        tensors = {**positive[0][1], **beside}
        tensors = {k: v for k, v in tensors.items() if isinstance(v, torch.Tensor)}
        folder = Path(folder_paths.get_output_directory())
        folder.mkdir(exist_ok=True)
        path = str(folder / f"{name}.safetensors")
        save_file({key: value.contiguous().clone() for key, value in tensors.items()}, path)
        return {"ui": {"text": (path,)}}


class FlowByModel:
    """Estimates the flow of a moving texture by a model, as VOIDWarpedNoise calls it."""

    RETURN_TYPES = ()
    FUNCTION = "estimate"
    CATEGORY = "test"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls):
        right = ("INT", {"default": 5, "min": 0, "max": 32})
        return {"required": {"optical_flow": ("OPTICAL_FLOW",), "right": right}}

    def estimate(self, optical_flow, right):
        comfy.model_management.load_model_gpu(optical_flow)
        device = comfy.model_management.get_torch_device()
        model = optical_flow.model.to(device).eval()
        coarse = torch.rand(1, 3, 16, 32, generator=torch.Generator().manual_seed(0))
        world = torch.nn.functional.interpolate(coarse, scale_factor=8, mode="bicubic")
        world = world.clamp(0, 1) * 2 - 1
        one, two = (world[..., 40 - x : 200 - x].to(device) for x in (0, right))
        flow = model(one, two)[-1][0]
        return {"ui": {"text": [str(float(part[16:-16, 32:-32].median())) for part in flow]}}


NODE_CLASS_MAPPINGS = {
    "FlowByModel": FlowByModel,
    "StubVae": StubVae,
    "NoiseClip": NoiseClip,
    "SavePassed": SavePassed,
    "SaveConditions": SaveConditions,
    **FORMS,
}
