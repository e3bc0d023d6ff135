"""What a user chooses from where VACE is concerned; importing these names imports nothing."""

MODES = ("over_black", "replace", "lighten")
REGIONS = ("auto", "all", "none", "mask", "boxes")
FARTHEST = 512  # px that a mask grows, shrinks or fades at most
UNITS = ("pixels", "percent")
LARGEST = 16384  # px of a side
SIZES = ("source", "prepared")
LENGTH_MODES = ("repeat_last", "pad", "cut", "spread")
CONTROL_LENGTH_MODES = ("repeat_last", "black", "cut")
