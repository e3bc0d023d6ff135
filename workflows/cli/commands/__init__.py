"""The commands of `kinograph`, one per module; see `..command` for what a module defines."""
