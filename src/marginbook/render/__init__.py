"""Answers as tables for people. Zones carry a sign and a word, never colour alone."""
