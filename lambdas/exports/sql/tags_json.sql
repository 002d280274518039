-- The cost cell of a line out of JSON text (FOCUS and CUR as CSV), whatever the spelling of the keys; as tags_map.sql.
SELECT
  source.*,
  COALESCE(
    CASE WHEN strpos(tags, 'cell') > 0 OR strpos(more_tags, 'cell') > 0 THEN COALESCE(
      json_extract_scalar(tags, '$["cost-cell"]'),
      json_extract_scalar(tags, '$["user_cost_cell"]'),
      json_extract_scalar(tags, '$["user:cost-cell"]'),
      json_extract_scalar(tags, '$["cost_cell"]'),
      json_extract_scalar(tags, '$["resourceTags/user:cost-cell"]'),
      json_extract_scalar(tags, '$["resourceTags/user_cost_cell"]'),
      json_extract_scalar(tags, '$["resourceTags/cost-cell"]'),
      json_extract_scalar(more_tags, '$["resourceTags/user:cost-cell"]'),
      json_extract_scalar(more_tags, '$["resourceTags/user_cost_cell"]'),
      json_extract_scalar(more_tags, '$["resourceTags/cost-cell"]')
    ) END,
    CASE
      WHEN strpos(tags, 'experiment') > 0 OR strpos(more_tags, 'experiment') > 0
        OR strpos(tags, 'approach') > 0 OR strpos(more_tags, 'approach') > 0
      THEN concat(
        COALESCE(
          json_extract_scalar(tags, '$["experiment"]'),
          json_extract_scalar(tags, '$["user_experiment"]'),
          json_extract_scalar(tags, '$["user:experiment"]'),
          json_extract_scalar(tags, '$["resourceTags/user:experiment"]'),
          json_extract_scalar(tags, '$["resourceTags/user_experiment"]'),
          json_extract_scalar(tags, '$["resourceTags/experiment"]'),
          json_extract_scalar(more_tags, '$["resourceTags/user:experiment"]'),
          json_extract_scalar(more_tags, '$["resourceTags/user_experiment"]'),
          json_extract_scalar(more_tags, '$["resourceTags/experiment"]'),
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
          json_extract_scalar(more_tags, '$["resourceTags/user:approach"]'),
          json_extract_scalar(more_tags, '$["resourceTags/user_approach"]'),
          json_extract_scalar(more_tags, '$["resourceTags/approach"]'),
          ''
        )
      )
    END
  ) AS plain_cell,
  CAST(NULL AS VARCHAR) AS other_cell
FROM source
