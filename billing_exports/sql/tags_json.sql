-- The cost cell of a line out of JSON text (FOCUS and CUR as CSV), whatever the spelling of the keys; as tags_map.sql.
SELECT
  source.*,
  CASE
    WHEN regexp_like(tags, 'cell|experiment|approach')
    THEN COALESCE(
      json_extract_scalar(tags, '$["cost-cell"]'),
      json_extract_scalar(tags, '$["user_cost_cell"]'),
      json_extract_scalar(tags, '$["user:cost-cell"]'),
      json_extract_scalar(tags, '$["cost_cell"]'),
      json_extract_scalar(tags, '$["resourceTags/user:cost-cell"]'),
      json_extract_scalar(tags, '$["resourceTags/user_cost_cell"]'),
      json_extract_scalar(tags, '$["resourceTags/cost-cell"]'),
      concat(
        COALESCE(
          json_extract_scalar(tags, '$["experiment"]'),
          json_extract_scalar(tags, '$["user_experiment"]'),
          json_extract_scalar(tags, '$["user:experiment"]'),
          json_extract_scalar(tags, '$["resourceTags/user:experiment"]'),
          json_extract_scalar(tags, '$["resourceTags/user_experiment"]'),
          json_extract_scalar(tags, '$["resourceTags/experiment"]'),
          ''
        ),
        '|',
        COALESCE(
          json_extract_scalar(tags, '$["approach"]'),
          json_extract_scalar(tags, '$["user_approach"]'),
          json_extract_scalar(tags, '$["user:approach"]'),
          json_extract_scalar(tags, '$["resourceTags/user:approach"]'),
          json_extract_scalar(tags, '$["resourceTags/user_approach"]'),
          json_extract_scalar(tags, '$["resourceTags/approach"]'),
          ''
        )
      )
    )
  END AS plain_cell,
  CAST(NULL AS VARCHAR) AS other_cell
FROM source
