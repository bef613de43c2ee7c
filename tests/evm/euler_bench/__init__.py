"""The contracts of the Euler vault kit in an in-process EVM, beside the rule set."""
