-- What a report of one experiment reads of the days: everything of the experiment and of what carries no tag, and one
-- sum a day of all other experiments. `asked` has one row: the experiment, its first day, and the day after its last.
SELECT daily.*
FROM daily
CROSS JOIN asked
WHERE daily.day_utc >= asked.first_day AND daily.day_utc < asked.end_day
  AND (daily.experiment = asked.name OR daily.experiment IS NULL)
UNION ALL
SELECT
  day_utc,
  billing_period,
  account,
  'other experiments' AS experiment,
  CAST(NULL AS VARCHAR) AS approach,
  'other experiments' AS service,
  CAST(NULL AS VARCHAR) AS service_code,
  CAST(NULL AS VARCHAR) AS usage_type,
  charge_category,
  CAST(NULL AS VARCHAR) AS unit,
  currency,
  SUM(billed) AS billed,
  CASE WHEN COUNT(effective) = COUNT(*) THEN SUM(effective) END AS effective,
  CASE WHEN COUNT(list_cost) = COUNT(*) THEN SUM(list_cost) END AS list_cost,
  CAST(NULL AS DECIMAL(38, 12)) AS quantity,
  CAST(SUM(n_billed) AS BIGINT) AS n_billed,
  CAST(SUM(n_invoiced) AS BIGINT) AS n_invoiced,
  CAST(SUM(n) AS BIGINT) AS n
FROM daily
CROSS JOIN asked
WHERE day_utc >= asked.first_day AND day_utc < asked.end_day AND experiment <> asked.name
GROUP BY day_utc, billing_period, account, charge_category, currency
ORDER BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
