"""Uniswap v3's own libraries in an EVM, behind a small contract of ours."""
