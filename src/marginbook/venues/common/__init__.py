"""What rule sets of every family share: views of the seven sums, searches for prices, typed parameter fields."""
