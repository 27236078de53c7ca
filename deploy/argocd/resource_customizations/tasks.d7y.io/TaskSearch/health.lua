-- The status follows kstatus (observedGeneration, Reconciling, Stalled). The condition Succeeded says how it went:
-- Unknown while a run goes or waits, True or False in the end. Only Suspended is told apart by its reason, so that
-- a reason of a later version is read rightly, too.
local hs = {status = "Progressing", message = "waiting for the operator"}
if obj.status == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return hs
end
for _, condition in ipairs(obj.status.conditions or {}) do
  if condition.type == "Succeeded" then
    hs.message = condition.message
    if condition.status == "True" then
      hs.status = "Healthy"
    elseif condition.status == "False" then
      hs.status = "Degraded"
    elseif condition.reason == "Suspended" then
      hs.status = "Suspended"
    end
  end
end
return hs
