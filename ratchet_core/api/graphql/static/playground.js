// The page of the playground: GraphiQL, speaking to this server alone.
'use strict';

(function () {
  const root = document.getElementById('playground');
  const options = JSON.parse(root.dataset.options);
  const endpoint = new URL(options.endpoint, window.location.href);
  const socket = new URL(endpoint);
  socket.protocol = endpoint.protocol === 'https:' ? 'wss:' : 'ws:';

  // The token stays in this page's memory: nothing stores it.
  let token = '';
  const authorization = () => (token ? { Authorization: `Bearer ${token}` } : {});

  const sockets = window.graphqlWs.createClient({
    url: socket.href,
    lazy: true,
    connectionParams: () => authorization(),
  });
  const fetcher = window.GraphiQL.createFetcher({
    url: endpoint.href,
    wsClient: sockets,
    fetch: (url, init) =>
      window.fetch(url, { ...init, headers: { ...init.headers, ...authorization() } }),
  });

  const tabs = [
    {
      query: `query Tasks {
  tasks(limit: 10, offset: 0) {
    items {
      id
      name
      description
      version
      executions(limit: 5) {
        items { id status created_at completed_at }
      }
    }
    total
  }
}
`,
    },
    {
      query: `mutation Execute($task: ID!, $input: JSON) {
  executeTask(taskId: $task, input: $input) {
    job { id status created_at }
  }
}
`,
      variables: '{\n  "task": "weather-api",\n  "input": { "city": "London", "units": "metric" }\n}\n',
    },
    {
      query: `subscription Updates($job: ID!) {
  jobUpdates(jobId: $job) { id status progress result error }
}
`,
      variables: '{\n  "job": ""\n}\n',
    },
  ];

  const memory = new Map();
  const storage = {
    getItem: (key) => (memory.has(key) ? memory.get(key) : null),
    setItem: (key, value) => memory.set(key, value),
    removeItem: (key) => memory.delete(key),
    clear: () => memory.clear(),
    get length() {
      return memory.size;
    },
  };
  const parameters = new URLSearchParams(window.location.search);
  const given = parameters.get('query');
  const shown = given
    ? [{ query: given, variables: parameters.get('variables') || undefined }]
    : tabs;

  const field = document.getElementById('token');
  if (field) {
    field.addEventListener('input', () => {
      token = field.value.trim();
    });
  }

  window.ReactDOM.createRoot(root).render(
    window.React.createElement(window.GraphiQL, {
      fetcher,
      storage,
      defaultTabs: shown,
      shouldPersistHeaders: false,
      isHeadersEditorEnabled: true,
      inputValueDeprecation: true,
    }),
  );
})();
