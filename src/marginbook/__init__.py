"""Exact margin, margin calls and liquidation for leveraged accounts on every kind of venue."""

__version__ = "0.1.0"
