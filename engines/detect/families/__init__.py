"""Families of networks that find objects, one file each."""
