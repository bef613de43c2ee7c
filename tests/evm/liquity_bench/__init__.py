"""Liquity's own contracts in an in-process EVM, beside the rule set."""
