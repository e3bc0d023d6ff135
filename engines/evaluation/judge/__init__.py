"""How well objects were found, computed with NumPy alone: nothing here imports PyTorch."""
