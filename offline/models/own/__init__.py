"""A model of the user's own in place of the packaged one: a folder of weights, or a server that runs it."""
