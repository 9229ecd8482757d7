"""`/tasker`: the Tasker dialect, in which a workflow is a handler and a run a task (seed 002)."""
