"""What a user chooses from where drawing is concerned; importing these names imports nothing."""

COLOUR_ORDERS = ("rgb", "bgr")
COLOURINGS = ("style", "track")
SKELETONS_3D = ("scail",)
NORMALISATIONS = ("vace", "clip", "fixed", "ema")
DEPTH_RANGES = ("steady", "frame", "clip", "fixed")
NORMAL_AXES = ("bae", "opengl")
WAYS = ("estimated", "forward", "backward")

# px. Speeds that estimators see in footage where nothing moves. OpenCV's DIS: 95 % of the pixels
# below 0.27 for noise of 2/255, 99.9 % below 0.22 in the quiet corners of the sample clip.
NOISE_FLOOR = 0.5
