"""Inverse kinematics: the pose of a rig whose joints lie where points were found."""
