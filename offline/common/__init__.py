"""What several parts of the embedded AWS share: the wire format, the HTTP server, faults, checks of requests."""
