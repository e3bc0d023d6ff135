"""What a user chooses from where motion is concerned; importing these names imports nothing."""

DIRECTIONS = ("forward", "backward", "both")
FIRST_FRAMES = ("duplicate", "white", "zero")
DIS_PRESETS = ("ultrafast", "fast", "medium")  # OpenCV's, from fast to exact, by its numbers
CAMERAS = ("keep", "translation", "affine")
ONTO = ("previous onto this", "next onto this")
FORMATS = ("npz", "flo", "exr", "kitti")  # of files
