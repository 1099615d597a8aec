"""How licences pass from sources and models to a dataset: what is known of them, how they combine, what follows."""
