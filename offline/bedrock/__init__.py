"""Bedrock Runtime of the embedded AWS: Converse by the small language model, Titan embeddings by MiniLM."""
