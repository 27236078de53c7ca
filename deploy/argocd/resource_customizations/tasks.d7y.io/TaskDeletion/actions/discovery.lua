-- What makes sense now: a run that has ended can be repeated, one that is to come or to go on can be held.
local held = obj.spec.suspend == true
local over = false
if obj.status ~= nil and obj.status.observedGeneration == obj.metadata.generation then
  for _, condition in ipairs(obj.status.conditions or {}) do
    if condition.type == "Finished" and condition.status == "True" then
      over = true
    end
  end
end
local comes_again = obj.spec.refreshIntervalSeconds ~= nil

local actions = {}
actions["rerun"] = {
  ["displayName"] = "Run again", ["iconClass"] = "fa fa-fw fa-redo", ["disabled"] = held or not over
}
actions["suspend"] = {
  ["displayName"] = "Suspend", ["iconClass"] = "fa fa-fw fa-pause", ["disabled"] = held or (over and not comes_again)
}
actions["resume"] = {
  ["displayName"] = "Resume", ["iconClass"] = "fa fa-fw fa-play", ["disabled"] = not held
}
return actions
