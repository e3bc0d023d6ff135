"""Bodies in 3D: a rig and its surface, poses of joints, and what moves them."""
