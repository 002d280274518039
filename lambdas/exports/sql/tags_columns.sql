-- Allocation tags that have a column each (first Cost and Usage Reports), or that the export does not have.
SELECT source.*, tag_cost_cell AS cell, tag_experiment AS experiment_tag, tag_approach AS approach_tag
FROM source
