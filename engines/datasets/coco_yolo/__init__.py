"""Data sets of labelled images as "coco-yolo": pictures, a text file of labels for each, and JSON
beside the labels for poses in space.

ROOT/images/SPLIT/NAME.png, ROOT/labels/SPLIT/NAME.txt and perhaps NAME.json; ROOT/dataset.json (or
labels/SPLIT/classes.json) names classes and keypoints.
"""
