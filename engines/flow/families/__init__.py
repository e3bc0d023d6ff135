"""Families of optical flow networks, one module each; `models.families` finds them here."""
