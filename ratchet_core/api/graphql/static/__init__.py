"""What the playground loads: ours, and programs of others as `vendor.json` lists them."""
