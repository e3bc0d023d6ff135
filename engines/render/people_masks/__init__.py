"""Masks of people: from their joints, their heads and the surfaces of their bodies."""
