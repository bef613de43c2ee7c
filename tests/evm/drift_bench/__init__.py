"""Accounts of Drift v2 in the venue's own SDK (JavaScript, not the EVM) and in the model."""
