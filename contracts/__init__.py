"""The shapes and spellings that two sides share, once. Imports nothing else of this repository."""
