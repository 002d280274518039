-- Allocation tags out of JSON text (FOCUS and CUR as CSV), whatever the spelling of their keys; as tags_map.sql.
SELECT
  source.*,
  COALESCE(
    CASE WHEN strpos(tags, 'cell') > 0 THEN COALESCE(
      json_extract_scalar(tags, '$["cost-cell"]'),
      json_extract_scalar(tags, '$["user_cost_cell"]'),
      json_extract_scalar(tags, '$["user:cost-cell"]'),
      json_extract_scalar(tags, '$["cost_cell"]'),
      json_extract_scalar(tags, '$["resourceTags/user:cost-cell"]'),
      json_extract_scalar(tags, '$["resourceTags/user_cost_cell"]'),
      json_extract_scalar(tags, '$["resourceTags/cost-cell"]')
    ) END,
    CASE WHEN strpos(more_tags, 'cell') > 0 THEN COALESCE(
      json_extract_scalar(more_tags, '$["resourceTags/user:cost-cell"]'),
      json_extract_scalar(more_tags, '$["resourceTags/user_cost_cell"]'),
      json_extract_scalar(more_tags, '$["resourceTags/cost-cell"]')
    ) END
  ) AS cell,
  COALESCE(
    CASE WHEN strpos(tags, 'experiment') > 0 THEN COALESCE(
      json_extract_scalar(tags, '$["experiment"]'),
      json_extract_scalar(tags, '$["user_experiment"]'),
      json_extract_scalar(tags, '$["user:experiment"]'),
      json_extract_scalar(tags, '$["resourceTags/user:experiment"]'),
      json_extract_scalar(tags, '$["resourceTags/user_experiment"]'),
      json_extract_scalar(tags, '$["resourceTags/experiment"]')
    ) END,
    CASE WHEN strpos(more_tags, 'experiment') > 0 THEN COALESCE(
      json_extract_scalar(more_tags, '$["resourceTags/user:experiment"]'),
      json_extract_scalar(more_tags, '$["resourceTags/user_experiment"]'),
      json_extract_scalar(more_tags, '$["resourceTags/experiment"]')
    ) END
  ) AS experiment_tag,
  COALESCE(
    CASE WHEN strpos(tags, 'approach') > 0 THEN COALESCE(
      json_extract_scalar(tags, '$["approach"]'),
      json_extract_scalar(tags, '$["user_approach"]'),
      json_extract_scalar(tags, '$["user:approach"]'),
      json_extract_scalar(tags, '$["resourceTags/user:approach"]'),
      json_extract_scalar(tags, '$["resourceTags/user_approach"]'),
      json_extract_scalar(tags, '$["resourceTags/approach"]')
    ) END,
    CASE WHEN strpos(more_tags, 'approach') > 0 THEN COALESCE(
      json_extract_scalar(more_tags, '$["resourceTags/user:approach"]'),
      json_extract_scalar(more_tags, '$["resourceTags/user_approach"]'),
      json_extract_scalar(more_tags, '$["resourceTags/approach"]')
    ) END
  ) AS approach_tag
FROM source
