# Download OpenAPI spec
curl -o ratchet-openapi.yaml http://localhost:8080/openapi.yaml

# Generate Python client
openapi-generator generate \
  -i ratchet-openapi.yaml \
  -g python \
  -o ./ratchet-python-client

# Generate TypeScript client
openapi-generator generate \
  -i ratchet-openapi.yaml \
  -g typescript-axios \
  -o ./ratchet-ts-client
