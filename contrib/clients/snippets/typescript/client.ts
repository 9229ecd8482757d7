// Using fetch API
async function executeTask(taskId: string, input: any) {
  const response = await fetch(`http://localhost:8080/api/v1/tasks/${taskId}/execute`, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
    },
    body: JSON.stringify({ input })
  });
  
  return response.json();
}

// Using GraphQL
async function queryTasks() {
  const response = await fetch('http://localhost:8080/graphql', {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
    },
    body: JSON.stringify({
      query: `
        query {
          tasks {
            items { id name version }
            total
          }
        }
      `
    })
  });
  
  return response.json();
}
