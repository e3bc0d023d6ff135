"""The contract of VACE: sizes, frame counts, masks, neutral values, layouts."""
