"""Families of networks that find bodies, one module each; `models.families` finds them here."""
