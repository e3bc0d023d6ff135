"""Networks that find boxes, one file each."""
