"""SMPL bodies from users' own files."""
