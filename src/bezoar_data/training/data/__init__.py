"""From rows of a card to tokenised, labelled examples."""
