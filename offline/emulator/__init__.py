"""The embedded AWS's control plane: ministack behind one port, completed with what this project's templates need.

Runs in its own virtual environment (`.venv-emulator`, pinned in `requirements/emulator.txt`), because ministack pins a
botocore that the product's environment does not have. Nothing here imports anything of the product but this package.
"""
