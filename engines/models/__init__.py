"""Models: the registry, their files on disk or on the Hub, and the families they belong to."""
