"""What `migration.script` writes its files from: templates, sums to compare, and its report."""
