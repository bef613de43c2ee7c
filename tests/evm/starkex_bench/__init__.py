"""Walks of dYdX v3's circuit in the Cairo machine (its own, not the EVM) and in the model."""
