"""What the Swagger pages load: ours, and programs of others as `vendor.json` lists them."""
