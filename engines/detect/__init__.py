"""Objects in frames: classes, boxes, 6D poses and keypoints, and the networks that find them."""
