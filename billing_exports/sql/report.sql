-- What a report of one experiment reads of the days: everything of the experiment and of what carries no tag, and one
-- sum a day of all other experiments. `scope` has one row: the experiment, its first day, and the day after its last.
-- The days are read once: Athena reads a table again for each mention, and charges for what it reads.
SELECT
  day_utc,
  billing_period,
  account,
  experiment,
  approach,
  service,
  service_code,
  usage_type,
  charge_category,
  unit,
  currency,
  SUM(billed) AS billed,
  CASE WHEN COUNT(effective) = COUNT(*) THEN SUM(effective) END AS effective,
  CASE WHEN COUNT(list_cost) = COUNT(*) THEN SUM(list_cost) END AS list_cost,
  CASE WHEN COUNT(quantity) = COUNT(*) THEN SUM(quantity) END AS quantity,
  CAST(SUM(n_billed) AS BIGINT) AS n_billed,
  CAST(SUM(n_invoiced) AS BIGINT) AS n_invoiced,
  CAST(SUM(n) AS BIGINT) AS n
FROM (
  SELECT
    day_utc,
    billing_period,
    account,
    CASE WHEN of_others THEN 'other experiments' ELSE experiment END AS experiment,
    CASE WHEN NOT of_others THEN approach END AS approach,
    CASE WHEN of_others THEN 'other experiments' ELSE service END AS service,
    CASE WHEN NOT of_others THEN service_code END AS service_code,
    CASE WHEN NOT of_others THEN usage_type END AS usage_type,
    charge_category,
    CASE WHEN NOT of_others THEN unit END AS unit,
    currency,
    billed,
    effective,
    list_cost,
    CASE WHEN NOT of_others THEN quantity END AS quantity,
    n_billed,
    n_invoiced,
    n
  FROM (
    SELECT daily.*, COALESCE(daily.experiment <> scope.name, FALSE) AS of_others
    FROM daily
    CROSS JOIN scope
    WHERE daily.day_utc >= scope.first_day AND daily.day_utc < scope.end_day
  ) AS days
) AS named
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
ORDER BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
