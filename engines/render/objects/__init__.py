"""Objects drawn: boxes, cuboids in space, keypoints, and names."""
