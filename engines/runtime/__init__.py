"""From a network to an answer: which runner, why that one, and the runner itself."""
