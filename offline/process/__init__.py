"""How the processes of a sandbox start, find each other and end."""
