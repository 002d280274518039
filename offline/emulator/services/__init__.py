"""Services of ministack, extended where they differ from AWS, and the way to the servers that answer for it."""
