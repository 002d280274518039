"""Billing exports (FOCUS, Cost and Usage Reports) read with one SQL text, by DuckDB here and by Athena at scale."""
