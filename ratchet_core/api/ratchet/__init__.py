"""`/api/v1`, the Ratchet dialect: a workflow is a task, a run a job, an attempt an execution."""
