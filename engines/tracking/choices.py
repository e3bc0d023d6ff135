"""What a user chooses from where filters are concerned; importing these names imports nothing."""

SMOOTHINGS = ("causal", "both")
