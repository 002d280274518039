-- The cost cell of a line out of maps of tags, whatever the spelling of their keys: its own tag (experiment/approach),
-- else those of experiment and approach, joined by a bar, which no value of a tag has. `tags` is the column of FOCUS,
-- whose keys may begin with the kind of the tag, or `resource_tags` of CUR 2.0; `more_tags` is `tags` of newer CUR 2.0,
-- whose keys do. Maps are slow: only the plain key is looked up in every line, the others where a key of the line is
-- like them; and what is found by those stays a column of its own until the lines are grouped.
SELECT
  keyed.*,
  COALESCE(
    CASE WHEN strpos(keys, 'cell') > 0 OR strpos(more_keys, 'cell') > 0 THEN COALESCE(
      element_at(tags, 'user_cost_cell'),
      element_at(tags, 'user:cost-cell'),
      element_at(tags, 'cost_cell'),
      element_at(tags, 'resourceTags/user:cost-cell'),
      element_at(tags, 'resourceTags/user_cost_cell'),
      element_at(tags, 'resourceTags/cost-cell'),
      element_at(more_tags, 'resourceTags/user:cost-cell'),
      element_at(more_tags, 'resourceTags/user_cost_cell'),
      element_at(more_tags, 'resourceTags/cost-cell')
    ) END,
    CASE
      WHEN strpos(keys, 'experiment') > 0 OR strpos(more_keys, 'experiment') > 0
        OR strpos(keys, 'approach') > 0 OR strpos(more_keys, 'approach') > 0
      THEN concat(
        COALESCE(
          element_at(tags, 'experiment'),
          element_at(tags, 'user_experiment'),
          element_at(tags, 'user:experiment'),
          element_at(tags, 'resourceTags/user:experiment'),
          element_at(tags, 'resourceTags/user_experiment'),
          element_at(tags, 'resourceTags/experiment'),
          element_at(more_tags, 'resourceTags/user:experiment'),
          element_at(more_tags, 'resourceTags/user_experiment'),
          element_at(more_tags, 'resourceTags/experiment'),
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
          element_at(more_tags, 'resourceTags/user:approach'),
          element_at(more_tags, 'resourceTags/user_approach'),
          element_at(more_tags, 'resourceTags/approach'),
          ''
        )
      )
    END
  ) AS other_cell
FROM (
  SELECT
    plain.*,
    CASE
      WHEN plain_cell IS NULL AND cardinality(tags) > 0 THEN array_join(map_keys(tags), ' ')
    END AS keys,
    CASE
      WHEN plain_cell IS NULL AND cardinality(more_tags) > 0 THEN array_join(map_keys(more_tags), ' ')
    END AS more_keys
  FROM (
    SELECT
      source.*,
      CASE WHEN cardinality(tags) > 0 THEN element_at(tags, 'cost-cell') END AS plain_cell
    FROM source
  ) AS plain
) AS keyed
