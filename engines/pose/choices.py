"""What a user chooses from where poses are concerned; importing these names imports nothing."""

FORMATS = ("pose_keypoint", "openpose", "coco", "predictions", "safetensors")  # of files
MATCHINGS = ("first", "order", "track")  # whose proportions a person gets
TURNED = {"no": (0,), "upside_down": (0, 2), "all": (0, 1, 2, 3)}  # quarter turns to look at
PARTS = ("hands", "face", "feet")  # of whole bodies, besides the body
