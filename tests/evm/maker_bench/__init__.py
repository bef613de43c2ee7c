"""The contracts of makerdao/dss in an in-process EVM, beside the rule set."""
