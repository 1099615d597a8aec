"""Who answers: providers, offline models, journal of answers, limits, budget."""
