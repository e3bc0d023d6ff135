"""What a user chooses from where heads are concerned; importing these names imports nothing."""

FOV = 63.0  # degrees, vertical: what MediaPipe assumes
