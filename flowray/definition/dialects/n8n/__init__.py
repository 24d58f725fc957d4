"""n8n's workflow files → flowray's format. Start at ``importing``; ``document`` reads the file."""
