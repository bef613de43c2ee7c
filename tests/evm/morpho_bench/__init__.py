"""Walks of Morpho Blue on the contract and in the model."""
