"""Synthetic FOCUS 1.2 files for `bench_exports`: 59 columns, hourly rows of one month, tags as a map, money as DOUBLE.

24 experiments x 3 approaches; 62 % of the rows carry `cost-cell`, 18 % only other tags, 20 % an empty map. There are
credits, taxes and corrections with negative amounts. A file of a number is the same wherever it is made.
"""

from __future__ import annotations

from pathlib import Path

ROWS_A_FILE = 1_000_000
PERIOD = "2026-10"
#: Columns that the report does not read, as AWS writes them: some are empty, some long and unlike in every row.
TEXTS = {
    "AvailabilityZone": "CASE WHEN h % 3 = 0 THEN NULL ELSE 'us-east-1' || chr(97 + (h % 6)::INT) END",
    "BillingAccountId": "'999988887777'",
    "BillingAccountName": "'payer'",
    "BillingAccountType": "'Management'",
    "CapacityReservationId": "NULL",
    "ChargeDescription": "'$0.' || h % 9973 || ' per unit of usage ' || s",
    "ChargeFrequency": "'Usage-Based'",
    "CommitmentDiscountCategory": "NULL",
    "CommitmentDiscountId": "NULL",
    "CommitmentDiscountName": "NULL",
    "CommitmentDiscountStatus": "NULL",
    "CommitmentDiscountType": "NULL",
    "CommitmentDiscountUnit": "NULL",
    "InvoiceId": "NULL",
    "InvoiceIssuerName": "'Amazon Web Services, Inc.'",
    "PricingCategory": "'Standard'",
    "PricingCurrency": "'USD'",
    "PricingUnit": "'Requests'",
    "ProviderName": "'AWS'",
    "PublisherName": "'Amazon Web Services, Inc.'",
    "RegionId": "'us-east-1'",
    "RegionName": "'US East (N. Virginia)'",
    "ResourceId": "'arn:aws:service:us-east-1:111122223333:resource/' || (h % 20011)",
    "ResourceName": "'resource-' || (h % 20011)",
    "ResourceType": "'resource'",
    "ServiceCategory": "'AI and Machine Learning'",
    "ServiceSubcategory": "'Generative AI'",
    "SkuId": "'SKU' || (h % 211)",
    "SkuMeter": "'meter-' || s",
    "SkuPriceId": "'SKU' || (h % 211) || '.PRICE'",
    "SkuPriceDetails": "NULL",
    "SubAccountName": "'sandbox'",
    "SubAccountType": "'Member'",
    "x_Operation": "'operation-' || s",
}
NUMBERS = {
    "CommitmentDiscountQuantity": "NULL::DOUBLE",
    "ContractedCost": "cost",
    "ContractedUnitPrice": "0.00035::DOUBLE",
    "ListUnitPrice": "0.00035::DOUBLE",
    "PricingCurrencyContractedUnitPrice": "NULL::DOUBLE",
    "PricingCurrencyEffectiveCost": "cost",
    "PricingCurrencyListUnitPrice": "NULL::DOUBLE",
    "PricingQuantity": "quantity",
}
SERVICES = (
    ("Amazon Bedrock", "AmazonBedrock", "USE1-NovaMicro-input-tokens", "1K tokens"),
    ("Amazon SageMaker", "AmazonSageMaker", "USE1-Host:ml.g5.xlarge", "Hrs"),
    ("Amazon OpenSearch Service", "AmazonES", "USE1-SearchOCU", "OCU-Hours"),
)
#: hash -> row. `h` is spread evenly over all bits; every choice takes other bits of it.
CHARGES = """
  SELECT *,
    CASE WHEN category = 'Credit' THEN -amount WHEN class = 'Correction' THEN -amount ELSE amount END AS cost
  FROM (
    SELECT h, s, quantity,
      quantity * (0.00001 + (h % 997) / 1e6) AS amount,
      CASE WHEN (h // 7) % 100 < 95 THEN 'Usage' WHEN (h // 7) % 100 < 98 THEN 'Credit' ELSE 'Tax' END AS category,
      CASE WHEN (h // 11) % 200 = 0 THEN 'Correction' END AS class,
      TIMESTAMP_MS '{month}-01 00:00:00' + to_hours(((h // 13) % 744)::BIGINT) AS hour,
      (h // 17) % 100 AS tagged, (h // 19) % 24 AS experiment, (h // 23) % 3 AS approach
    FROM (SELECT h, ((h // 5) % 3)::INT AS s, ((h // 29) % 100000) / 7.0::DOUBLE AS quantity
          FROM (SELECT (hash(i) // 2)::BIGINT AS h FROM range({first}, {end}) t(i)))
  )
"""


def write(folder: Path, files: int) -> list[Path]:
    """`files` files of a million rows each in `folder`; those that are there already are kept.

    They carry names as Data Exports gives them: `data/BILLING_PERIOD=2026-10/focus-00001.snappy.parquet`.
    """
    import duckdb

    data = folder / "data" / f"BILLING_PERIOD={PERIOD}"
    data.mkdir(parents=True, exist_ok=True)
    paths = [data / f"focus-{number:05d}.snappy.parquet" for number in range(files)]
    connection = duckdb.connect()
    connection.execute("SET memory_limit = '2GB'")
    for number, path in enumerate(paths):
        if not path.exists():
            part = path.with_suffix(".part")
            connection.execute(f"COPY ({select(number)}) TO '{part}' (FORMAT parquet, COMPRESSION snappy)")
            part.rename(path)
    connection.close()
    return paths


def select(number: int) -> str:
    """The rows of file `number`."""
    first = number * ROWS_A_FILE
    others = ",\n  ".join(f"{expression}::VARCHAR AS {name}" for name, expression in TEXTS.items())
    numbers = ",\n  ".join(f"{expression} AS {name}" for name, expression in NUMBERS.items())
    names, codes, types, units = (list(column) for column in zip(*SERVICES, strict=True))
    read = f"""
  cost AS BilledCost, cost AS EffectiveCost, abs(cost) AS ListCost, 'USD' AS BillingCurrency,
  TIMESTAMP_MS '{PERIOD}-01 00:00:00' AS BillingPeriodStart, TIMESTAMP_MS '2026-11-01 00:00:00' AS BillingPeriodEnd,
  hour AS ChargePeriodStart, hour + INTERVAL 1 HOUR AS ChargePeriodEnd,
  category AS ChargeCategory, class AS ChargeClass, '111122223333' AS SubAccountId,
  CASE WHEN category = 'Usage' THEN quantity END AS ConsumedQuantity,
  CASE WHEN category = 'Usage' THEN {units}[s + 1] END AS ConsumedUnit,
  {names}[s + 1] AS ServiceName, {codes}[s + 1] AS x_ServiceCode,
  CASE WHEN category <> 'Tax' THEN {types}[s + 1] END AS x_UsageType,
  CASE WHEN tagged < 62 THEN MAP {{
      'cost-cell': 'experiment-' || experiment || '/' || ['prompting', 'rag', 'fine-tuning'][approach + 1],
      'experiment': 'experiment-' || experiment, 'approach': ['prompting', 'rag', 'fine-tuning'][approach + 1],
      'owner': 'owner-' || h % 50}}
    WHEN tagged < 80 THEN MAP {{'owner': 'owner-' || h % 50, 'team': 'team-' || h % 9}}
    ELSE MAP {{}}::MAP(VARCHAR, VARCHAR) END AS Tags"""
    inner = CHARGES.format(month=PERIOD, first=first, end=first + ROWS_A_FILE)
    return f"SELECT {read},\n  {others},\n  {numbers}\nFROM ({inner})"
