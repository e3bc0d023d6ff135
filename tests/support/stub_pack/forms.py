"""Nearly empty nodes with every kind of input that the editor lays out differently."""


class _Form:
    FUNCTION = "make"
    CATEGORY = "test"
    RETURN_TYPES = ()

    def make(self, **values):
        return tuple(values.get(name) for name in ("image", "mask", "number"))[: self._outputs()]

    @classmethod
    def _outputs(cls):
        return len(cls.RETURN_TYPES)


class FormSeeds(_Form):
    """Has seeds with and without a control for what happens after a run."""

    RETURN_TYPES = ("IMAGE", "MASK", "INT")

    @classmethod
    def INPUT_TYPES(cls):
        return {
            "required": {
                "seed": ("INT", {"default": 0, "min": 0, "max": 2**53}),
                "noise_seed": ("INT", {"default": 5, "control_after_generate": False}),
                "steps": ("INT", {"default": 20, "control_after_generate": True}),
                "strength": ("FLOAT", {"default": 1, "min": 0, "max": 10, "step": 0.01}),
                "kind": (["one", "two", "three"], {"control_after_generate": True}),
                "way": (["left", "right"],),
                "text": ("STRING", {"default": "words"}),
            }
        }


class FormForced(_Form):
    """Has inputs without widgets around an image upload, and optional ones."""

    RETURN_TYPES = ("IMAGE", "MASK")

    @classmethod
    def INPUT_TYPES(cls):
        return {
            "required": {
                "count": ("INT", {"default": 1}),
                "number": ("INT", {"forceInput": True}),
                "image": ("IMAGE",),
                "name": ("STRING", {"default": "n"}),
            },
            "optional": {
                "label": ("STRING", {"forceInput": True}),
                "share": ("FLOAT", {"default": 0.25, "step": 0.05}),
                "on": ("BOOLEAN", {"default": True}),
                "later": ("INT", {"default": 9}),
            },
        }


class FormUpload(_Form):
    """Has an upload button and an input after it."""

    RETURN_TYPES = ("IMAGE",)

    @classmethod
    def INPUT_TYPES(cls):
        return {
            "required": {
                "picture": (["a.png", "b.png"], {"image_upload": True}),
                "size": ("INT", {"default": 8}),
            },
            "optional": {"after": ("STRING", {"default": "end"})},
        }


class FormPass(_Form):
    """Has outputs in another order than its inputs, which makes bypassing it ambiguous."""

    RETURN_TYPES = ("MASK", "IMAGE", "INT", "IMAGE", "LATENT")

    @classmethod
    def INPUT_TYPES(cls):
        return {
            "required": {
                "amount": ("INT", {"default": 3}),
                "image": ("IMAGE",),
                "either": ("IMAGE,MASK",),
                "mask": ("MASK",),
            },
            "optional": {"other": ("IMAGE",)},
        }


class FormAny(_Form):
    RETURN_TYPES = ("*",)

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"any": ("*",)}}


class FormPrompt(_Form):
    RETURN_TYPES = ("STRING",)

    @classmethod
    def INPUT_TYPES(cls):
        text = ("STRING", {"multiline": True, "dynamicPrompts": True, "default": ""})
        return {"required": {"text": text}}


class FormSink(_Form):
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls):
        kinds = ("IMAGE", "MASK", "LATENT", "*")
        return {
            "required": {"title": ("STRING", {"default": "sink"})},
            "optional": {
                **{kind.lower().replace("*", "any"): (kind,) for kind in kinds},
                "number": ("INT", {"default": 0, "min": -100, "max": 100000}),
                "share": ("FLOAT", {"default": 0.5, "min": 0, "max": 1, "step": 0.1}),
                "way": (["left", "right"],),
            },
        }


FORMS = {
    form.__name__: form
    for form in (FormSeeds, FormForced, FormUpload, FormPass, FormAny, FormPrompt, FormSink)
}
