-- Allocation tags out of maps, whatever the spelling of their keys: `tags` is the column of FOCUS or `resource_tags` of
-- CUR 2.0, `more_tags` the column of FOCUS again or `tags` of newer CUR 2.0, whose keys begin with the kind of the tag.
-- Experiment and approach are looked up only where no cost-cell says both. Empty maps are skipped: half of the
-- time of a report goes into maps.
SELECT
  celled.*,
  COALESCE(
    CASE WHEN cell IS NULL AND cardinality(tags) > 0 THEN COALESCE(
      element_at(tags, 'experiment'),
      element_at(tags, 'user:experiment'),
      element_at(tags, 'user_experiment')
    ) END,
    CASE WHEN cell IS NULL AND cardinality(more_tags) > 0 THEN COALESCE(
      element_at(more_tags, 'resourceTags/user:experiment'),
      element_at(more_tags, 'resourceTags/user_experiment'),
      element_at(more_tags, 'resourceTags/experiment')
    ) END
  ) AS experiment_tag,
  COALESCE(
    CASE WHEN cell IS NULL AND cardinality(tags) > 0 THEN COALESCE(
      element_at(tags, 'approach'),
      element_at(tags, 'user:approach'),
      element_at(tags, 'user_approach')
    ) END,
    CASE WHEN cell IS NULL AND cardinality(more_tags) > 0 THEN COALESCE(
      element_at(more_tags, 'resourceTags/user:approach'),
      element_at(more_tags, 'resourceTags/user_approach'),
      element_at(more_tags, 'resourceTags/approach')
    ) END
  ) AS approach_tag
FROM (
  SELECT
    source.*,
    COALESCE(
      CASE WHEN cardinality(tags) > 0 THEN COALESCE(
        element_at(tags, 'cost-cell'),
        element_at(tags, 'user:cost-cell'),
        element_at(tags, 'user_cost_cell'),
        element_at(tags, 'cost_cell')
      ) END,
      CASE WHEN cardinality(more_tags) > 0 THEN COALESCE(
        element_at(more_tags, 'resourceTags/user:cost-cell'),
        element_at(more_tags, 'resourceTags/user_cost_cell'),
        element_at(more_tags, 'resourceTags/cost-cell')
      ) END
    ) AS cell
  FROM source
) AS celled
