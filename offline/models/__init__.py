"""Small real models on this machine: weights, conversion, embeddings, batching and the processes that run them."""
