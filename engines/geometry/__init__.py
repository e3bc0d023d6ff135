"""Boxes, crops and placement: bringing pictures and points from one size to another and back."""
