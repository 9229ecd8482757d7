# Currently no authentication required
# Future releases will support JWT authentication
curl -H "Authorization: Bearer YOUR_TOKEN" \
  http://localhost:8080/api/v1/tasks
