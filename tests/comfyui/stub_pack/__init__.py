"""A pack for tests: a VAE that keeps what it is asked to encode, and a node that writes it."""

import os

import folder_paths
import torch
from safetensors.torch import save_file


class KeepingVae:
    """Encodes to zeros of the right shape."""

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


class SaveEncoded:
    RETURN_TYPES = ()
    FUNCTION = "save"
    CATEGORY = "test"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"vae": ("VAE",), "latent": ("LATENT",)}}

    def save(self, vae, latent):
        inactive, reactive = vae.seen[-2:]
        path = os.path.join(folder_paths.get_output_directory(), "encoded.safetensors")
        save_file({"inactive": inactive, "reactive": reactive, "latent": latent["samples"]}, path)
        return {"ui": {"text": (path,)}}


NODE_CLASS_MAPPINGS = {"StubVae": StubVae, "SaveEncoded": SaveEncoded}
