"""What can be told of an answer without a model: rules over its text, for curation steps and the provider `checks`."""
