"""What every bench against real contracts needs: a chain, packages, a compiler."""
