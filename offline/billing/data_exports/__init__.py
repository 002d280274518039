"""The service `bcm-data-exports`: the bill as Parquet files in S3."""
