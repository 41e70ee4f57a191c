"""How the models are learned; needs the packages that the training data comes from, which are fetched."""
