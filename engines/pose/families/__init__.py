"""Families of pose networks, one module each; `models.families` finds them here."""
