"""RT-DETR-pose: a transformer that finds objects with their 6D poses and keypoints."""
