-- The cost cell of a line out of a map of tags, whatever the spelling of its keys: its own tag (experiment/approach),
-- else those of experiment and approach, joined by a bar, which no value of a tag has. Maps are slow: only the plain
-- key is looked up in every line, the others where a key of the line is like them; and what is found by those stays a
-- column of its own until the lines are grouped.
SELECT
  plain.*,
  CASE
    WHEN plain_cell IS NULL AND cardinality(tags) > 0
      AND regexp_like(array_join(map_keys(tags), ' '), 'cell|experiment|approach')
    THEN COALESCE(
      element_at(tags, 'user_cost_cell'),
      element_at(tags, 'user:cost-cell'),
      element_at(tags, 'cost_cell'),
      element_at(tags, 'resourceTags/user:cost-cell'),
      element_at(tags, 'resourceTags/user_cost_cell'),
      element_at(tags, 'resourceTags/cost-cell'),
      concat(
        COALESCE(
          element_at(tags, 'experiment'),
          element_at(tags, 'user_experiment'),
          element_at(tags, 'user:experiment'),
          element_at(tags, 'resourceTags/user:experiment'),
          element_at(tags, 'resourceTags/user_experiment'),
          element_at(tags, 'resourceTags/experiment'),
          ''
        ),
        '|',
        COALESCE(
          element_at(tags, 'approach'),
          element_at(tags, 'user_approach'),
          element_at(tags, 'user:approach'),
          element_at(tags, 'resourceTags/user:approach'),
          element_at(tags, 'resourceTags/user_approach'),
          element_at(tags, 'resourceTags/approach'),
          ''
        )
      )
    )
  END AS other_cell
FROM (
  SELECT
    source.*,
    element_at(tags, 'cost-cell') AS plain_cell
  FROM source
) AS plain
