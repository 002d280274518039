-- Allocation tags out of JSON text (FOCUS and CUR as CSV), whatever the spelling of their keys; as tags_map.sql.
SELECT
  celled.*,
  COALESCE(
    CASE WHEN cell IS NULL AND tags <> '{}' THEN COALESCE(
      json_extract_scalar(tags, '$["experiment"]'),
      json_extract_scalar(tags, '$["user:experiment"]'),
      json_extract_scalar(tags, '$["user_experiment"]')
    ) END,
    CASE WHEN cell IS NULL AND more_tags <> '{}' THEN COALESCE(
      json_extract_scalar(more_tags, '$["resourceTags/user:experiment"]'),
      json_extract_scalar(more_tags, '$["resourceTags/user_experiment"]'),
      json_extract_scalar(more_tags, '$["resourceTags/experiment"]')
    ) END
  ) AS experiment_tag,
  COALESCE(
    CASE WHEN cell IS NULL AND tags <> '{}' THEN COALESCE(
      json_extract_scalar(tags, '$["approach"]'),
      json_extract_scalar(tags, '$["user:approach"]'),
      json_extract_scalar(tags, '$["user_approach"]')
    ) END,
    CASE WHEN cell IS NULL AND more_tags <> '{}' THEN COALESCE(
      json_extract_scalar(more_tags, '$["resourceTags/user:approach"]'),
      json_extract_scalar(more_tags, '$["resourceTags/user_approach"]'),
      json_extract_scalar(more_tags, '$["resourceTags/approach"]')
    ) END
  ) AS approach_tag
FROM (
  SELECT
    source.*,
    COALESCE(
      CASE WHEN tags <> '{}' THEN COALESCE(
        json_extract_scalar(tags, '$["cost-cell"]'),
        json_extract_scalar(tags, '$["user:cost-cell"]'),
        json_extract_scalar(tags, '$["user_cost_cell"]'),
        json_extract_scalar(tags, '$["cost_cell"]')
      ) END,
      CASE WHEN more_tags <> '{}' THEN COALESCE(
        json_extract_scalar(more_tags, '$["resourceTags/user:cost-cell"]'),
        json_extract_scalar(more_tags, '$["resourceTags/user_cost_cell"]'),
        json_extract_scalar(more_tags, '$["resourceTags/cost-cell"]')
      ) END
    ) AS cell
  FROM source
) AS celled
