// The page of an OpenAPI document: Swagger UI, speaking to this server alone.
'use strict';

(function () {
  const root = document.getElementById('swagger-ui');
  window.SwaggerUIBundle({
    url: root.dataset.document,
    domNode: root,
    deepLinking: true,
    displayRequestDuration: true,
    // The token stays in this page's memory, and nobody else is asked whether the document is valid.
    persistAuthorization: false,
    validatorUrl: null,
  });
})();
