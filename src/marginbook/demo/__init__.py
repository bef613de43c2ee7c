"""The demo: made-up accounts on real risk parameters, under the price path of a crash that happened."""
