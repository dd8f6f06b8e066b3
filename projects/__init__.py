"""What serves no user of the plugin: in the repository, never in the wheel."""
