-- Cost and Usage Reports, the first ones and 2.0. What is effective depends on the kind of the line: what a commitment
-- covers costs its share, what it leaves unused is its fee's, and what it was paid with costs nothing more.
SELECT
  CAST(line_item_usage_start_date AS DATE) AS day_utc,
  CAST(bill_billing_period_start_date AS DATE) AS period_start,
  line_item_usage_account_id AS account,
  plain_cell,
  other_cell,
  COALESCE(product_name, line_item_product_code) AS service,
  line_item_product_code AS service_code,
  line_item_usage_type AS usage_type,
  line_item_line_item_type AS charge_category,
  pricing_unit AS unit,
  line_item_currency_code AS currency,
  CAST(line_item_unblended_cost AS DECIMAL(38, 12)) AS billed,
  CASE
    WHEN line_item_line_item_type = 'DiscountedUsage' THEN CAST(reservation_effective_cost AS DECIMAL(38, 12))
    WHEN line_item_line_item_type = 'RIFee'
      THEN CAST(reservation_unused_amortized_upfront_fee_for_billing_period AS DECIMAL(38, 12))
        + CAST(reservation_unused_recurring_fee AS DECIMAL(38, 12))
    WHEN line_item_line_item_type = 'Fee' AND reservation_reservation_a_r_n <> '' THEN CAST(0 AS DECIMAL(38, 12))
    WHEN line_item_line_item_type = 'SavingsPlanCoveredUsage'
      THEN CAST(savings_plan_savings_plan_effective_cost AS DECIMAL(38, 12))
    WHEN line_item_line_item_type = 'SavingsPlanRecurringFee'
      THEN CAST(savings_plan_total_commitment_to_date AS DECIMAL(38, 12))
        - CAST(savings_plan_used_commitment AS DECIMAL(38, 12))
    WHEN line_item_line_item_type IN ('SavingsPlanNegation', 'SavingsPlanUpfrontFee') THEN CAST(0 AS DECIMAL(38, 12))
    ELSE CAST(line_item_unblended_cost AS DECIMAL(38, 12))
  END AS effective,
  CAST(pricing_public_on_demand_cost AS DECIMAL(38, 12)) AS list_cost,
  CAST(line_item_usage_amount AS DECIMAL(38, 12)) AS quantity,
  CASE WHEN bill_invoice_id > '' THEN 1 END AS invoice
FROM tagged
