-- Days out of lines. Lines are grouped by their cost cells as they are; the few groups are named and grouped again.
-- A sum over lines of which some do not say the amount is null: it would be too small.
SELECT
  day_utc,
  date_format(period_start, '%Y-%m') AS billing_period,
  account,
  NULLIF(CASE
    WHEN strpos(cell, '|') > 0 THEN substr(cell, 1, strpos(cell, '|') - 1)
    WHEN strpos(cell, '/') > 0 THEN substr(cell, 1, strpos(cell, '/') - 1)
    ELSE cell
  END, '') AS experiment,
  NULLIF(CASE
    WHEN strpos(cell, '|') > 0 THEN substr(cell, strpos(cell, '|') + 1)
    WHEN strpos(cell, '/') > 0 THEN substr(cell, strpos(cell, '/') + 1)
  END, '') AS approach,
  service,
  service_code,
  usage_type,
  charge_category,
  unit,
  currency,
  SUM(billed) AS billed,
  CASE WHEN SUM(n_effective) = SUM(n) THEN SUM(effective) END AS effective,
  CASE WHEN SUM(n_list) = SUM(n) THEN SUM(list_cost) END AS list_cost,
  CASE WHEN SUM(n_quantity) = SUM(n) THEN SUM(quantity) END AS quantity,
  CAST(SUM(n_billed) AS BIGINT) AS n_billed,
  CAST(SUM(n_invoiced) AS BIGINT) AS n_invoiced,
  CAST(SUM(n) AS BIGINT) AS n
FROM (
  SELECT tagged_days.*, COALESCE(plain_cell, other_cell) AS cell
  FROM (
    SELECT
      day_utc, period_start, account, plain_cell, other_cell, service, service_code, usage_type, charge_category, unit,
      currency,
      SUM(billed) AS billed,
      SUM(effective) AS effective,
      SUM(list_cost) AS list_cost,
      SUM(quantity) AS quantity,
      COUNT(billed) AS n_billed,
      COUNT(effective) AS n_effective,
      COUNT(list_cost) AS n_list,
      COUNT(quantity) AS n_quantity,
      COUNT(invoice) AS n_invoiced,
      COUNT(*) AS n
    FROM line
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
  ) AS tagged_days
) AS celled_days
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
