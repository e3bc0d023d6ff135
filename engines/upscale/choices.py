"""What a user chooses from where frames are enlarged; importing these names imports nothing."""

LARGEST_SCALE = 16.0
