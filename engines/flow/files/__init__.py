"""Files of optical flow, one format a module."""
