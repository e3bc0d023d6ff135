"""What a user chooses from where heads are concerned; importing these names imports nothing."""

FOV = 63.0  # degrees, vertical: what MediaPipe assumes
CHOOSE = ("index", "track")  # how the person of face crops is named
