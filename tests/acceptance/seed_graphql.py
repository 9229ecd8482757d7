"""The operations of seed 000, "GraphQL API"."""

from __future__ import annotations

#: Seed 000, "Query Tasks with Executions", unchanged.
TASKS = """
query {
  tasks(limit: 10, offset: 0) {
    items {
      id
      name
      description
      version
      executions(limit: 5) {
        items {
          id
          status
          created_at
          completed_at
        }
      }
    }
    total
  }
}
"""
#: Seed 000, "Execute Task Mutation", for a task of this stack.
EXECUTE = """
mutation {
  executeTask(
    taskId: "echo",
    input: { city: "London", units: "metric" }
  ) {
    job {
      id
      status
      created_at
    }
  }
}
"""
#: Seed 000, "Subscribe to Job Updates", for one job.
SUBSCRIBE = """
subscription {
  jobUpdates(jobId: "%s") {
    id
    status
    progress
    result
    error
  }
}
"""
