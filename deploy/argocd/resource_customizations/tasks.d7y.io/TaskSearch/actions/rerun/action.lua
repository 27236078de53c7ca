-- A new runID asks for a new run of the same work. It is named for the generation that this edit makes, which no edit
-- before it made: whoever presses the button twice on the same object asks once.
local run_id = "rerun-" .. ((obj.metadata.generation or 0) + 1)
if run_id == obj.spec.runID then
  run_id = run_id .. "-again"
end
obj.spec.runID = run_id
return obj
