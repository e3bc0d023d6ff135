"""What a menu offers for meshes on heads; imports nothing heavy."""

MESHES = ("medical_mask", "glasses", "file")
FOLLOWINGS = ("auto", "rigid", "low_frequency", "full")
ANCHORS = (
    "origin",
    "nose_tip",
    "nose_bridge",
    "eyes",
    "mouth",
    "forehead",
    "chin",
    "ears",
    "left_ear",
    "right_ear",
    "head_centre",
    "head_top",
)

LARGEST = 100.0  # cm from the head's origin that a vertex may lie
LARGEST_SCALE = 100.0
UNITS = {"fit": 0.0, "mm": 0.1, "cm": 1.0, "inch": 2.54, "m": 100.0}  # cm
