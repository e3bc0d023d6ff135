"""Families of networks that find boxes, one module each."""
