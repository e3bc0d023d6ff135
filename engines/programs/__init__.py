"""The classes for programs."""
