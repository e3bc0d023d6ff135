"""Families of face and head networks, one module each; `models.families` finds them here."""
