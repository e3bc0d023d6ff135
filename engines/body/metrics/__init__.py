"""How fast, how complete and how steady bodies are, by track."""
