"""Questions and documents in the formats that teams have, made into an experiment folder (`ladder init`)."""
