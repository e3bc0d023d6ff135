"""What a user chooses from where motion tracks are concerned; importing these names imports
nothing."""

TARGETS = ("wan_move", "ati", "ltx", "any")  # models by what lengths and texts they take
TIMINGS = ("spread", "cut")
EDGES = ("inside", "outside")  # of a region
CHOSEN_BY = ("longest", "shortest", "even")
LOOKS = ("trails", "ltx_dots")
ZOOMS = ("lens", "dolly")
