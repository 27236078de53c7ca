"""`make demo`: the operator's main job, end to end, as a user sees it; and a check that it is as it must be."""
