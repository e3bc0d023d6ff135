"""Families of upscaling networks, one module each; `models.families` finds them here."""
