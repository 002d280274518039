-- The cost cell of a line out of tags that have a column each (first Cost and Usage Reports), or that the export does
-- not have.
SELECT
  source.*,
  COALESCE(
    NULLIF(tag_cost_cell, ''),
    CASE
      WHEN tag_experiment <> '' OR tag_approach <> ''
      THEN concat(COALESCE(tag_experiment, ''), '|', COALESCE(tag_approach, ''))
    END
  ) AS plain_cell,
  CAST(NULL AS VARCHAR) AS other_cell
FROM source
