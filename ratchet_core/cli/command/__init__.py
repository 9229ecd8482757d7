"""The commands, one a file (groups with their sub-commands); `root` knows where each is."""
