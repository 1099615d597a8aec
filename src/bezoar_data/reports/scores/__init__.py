"""What models scored: on a model's card, in pictures, on a page, and in the Hub's two formats."""
