"""Evaluation of quality and speed; every report has the same envelope."""
