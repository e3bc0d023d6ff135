"""What a user chooses from where sizes are concerned; importing these names imports nothing."""

FITS = ("stretch", "letterbox", "crop")
