"""The state machines, as Amazon States Language in plain dictionaries: one module a machine, `parts` for what recurs.

Names in `${...}` are filled in by CloudFormation (`infra.machine`), so that a definition can be read, walked and tested
without a template around it. Query language is JSONPath throughout: it is what the embedded AWS runs in every place.
"""
