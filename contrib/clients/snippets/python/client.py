import requests
import json

class RatchetClient:
    def __init__(self, base_url="http://localhost:8080"):
        self.base_url = base_url
        self.session = requests.Session()
    
    def execute_task(self, task_id, input_data):
        url = f"{self.base_url}/api/v1/tasks/{task_id}/execute"
        response = self.session.post(url, json={"input": input_data})
        response.raise_for_status()
        return response.json()
    
    def list_jobs(self, status=None, limit=10):
        url = f"{self.base_url}/api/v1/jobs"
        params = {"limit": limit}
        if status:
            params["status"] = status
        response = self.session.get(url, params=params)
        response.raise_for_status()
        return response.json()

# Usage
client = RatchetClient()
result = client.execute_task("weather-api", {"city": "Paris"})
print(result)
