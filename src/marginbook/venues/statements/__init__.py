"""Margin as a statement: named lines of support and demand, from which every function of a rule set follows.

For rules whose sums are no function of one price per position: collateral of many assets with haircuts, rates that grow
with the size, options, amounts per contract.
"""
