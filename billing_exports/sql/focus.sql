-- FOCUS 1.0 and 1.2 as AWS delivers them. Corrections are rows like any other: their amounts are negative.
SELECT
  CAST(chargeperiodstart AS DATE) AS day_utc,
  CAST(billingperiodstart AS DATE) AS period_start,
  subaccountid AS account,
  plain_cell,
  other_cell,
  servicename AS service,
  x_servicecode AS service_code,
  usagetype AS usage_type,
  chargecategory AS charge_category,
  consumedunit AS unit,
  billingcurrency AS currency,
  CAST(billedcost AS DECIMAL(38, 12)) AS billed,
  CAST(effectivecost AS DECIMAL(38, 12)) AS effective,
  CAST(listcost AS DECIMAL(38, 12)) AS list_cost,
  CAST(consumedquantity AS DECIMAL(38, 12)) AS quantity,
  CASE WHEN invoiceid > '' THEN 1 END AS invoice
FROM tagged
